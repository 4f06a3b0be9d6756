from __future__ import annotations

import re

import pytest

from luthier.evaluation.display.texts import show_text
from luthier.evaluation.pages.plain import (
    escape_cell,
    escape_markdown,
    write_code,
    write_details,
    write_shown,
    write_table,
)
from tests.support.markdown import READER, Found

HOSTILE = [
    "<script>alert(1)</script>",
    "</code></td></table><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "<https://evil.example>",
    "*bold* _em_ `code` ~~gone~~ **strong** __both__",
    "a | b || c",
    "\\| \\` \\<b> \\\\",
    "# heading",
    "## heading",
    "- item",
    "+ item",
    "1. item",
    "1) item",
    "> quote",
    "    indented",
    "---",
    "===",
    "```\nfence\n```",
    "~~~ fence",
    "a\n\n# b\r\n- c\u2028d",
    "&lt;b&gt; &amp; &#60;i&#62;",
    "[ref]: https://evil.example",
    "[^1] $x$ :tada: term\n: definition",
    "<!-- comment --> <![CDATA[x]]> <?php ?>",
    "\u202egpj.exe\x00\x1b[2J\ud800",
]


def as_seen(text: str) -> str:
    visible = re.sub(
        "[\x00\x1b\u202e\u2028\ud800]", lambda found: f"⟨U+{ord(found.group()):04X}⟩", text.replace("\u2028", " ")
    )
    return " ".join(visible.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_reads_as_it_was_written_and_is_nothing_but_text(text: str) -> None:
    found = Found(READER.render(escape_markdown(text)))
    assert found.tags == ["p"]
    assert found.text == as_seen(text)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("write", [escape_cell, write_code, lambda text: write_shown(show_text(text))])
def test_a_text_stays_in_its_cell(text: str, write) -> None:  # type: ignore[no-untyped-def]
    found = Found(READER.render(write_table(("One", "Two"), [(write(text), "end")])))
    assert found.tags[:6] == ["table", "thead", "tr", "th", "th", "tbody"]
    assert [tag for tag in found.tags[6:] if tag != "code"] == ["tr", "td", "td"]
    assert found.text == f"One Two {as_seen(text)} end"


ADDRESSES = ["https://evil.example", "www.evil.example", "HTTP://x.y", "mail@evil.example", "@team", "a@b.c"]


@pytest.mark.parametrize("text", [*ADDRESSES, "fix #12"])
def test_nothing_is_left_that_github_links_by_itself(text: str) -> None:
    """What it links it finds in the text that is shown, signs or no signs."""
    shown = "".join(Found(READER.render(escape_markdown(text))).texts)
    assert not re.search(r"(?i)https?:|\bwww\.|@\w|#\d", shown)


@pytest.mark.parametrize("text", ADDRESSES)
def test_nothing_in_code_is_an_address_before_the_markdown_is_read(text: str) -> None:
    """Within the tag itself GitHub links neither mentions nor issues."""
    assert not re.search(r"(?i)https?:|\bwww\.|@\w", write_code(text))


def test_a_commit_is_parted_where_text_would_be_linked() -> None:
    assert "deadbeef1" not in escape_markdown("see deadbeef1 there")
    assert "defaced" in escape_markdown("a defaced coin")


def test_what_is_marked_is_bold() -> None:
    assert write_shown(show_text('{"a": 1}', '{"a": 2}')) == '<code>{ "a": <b>1</b> }</code>'


def test_long_texts_are_cut_with_a_sign() -> None:
    assert len(write_code("x" * 1000)) < 350
    assert write_code("x" * 1000).endswith("…</code>")
    assert write_shown(show_text("x" * 1000, room=10)) == f"<code>{'x' * 10}…</code>"


def test_nothing_is_named() -> None:
    assert write_code("") == write_shown(show_text("")) == "*nothing*"


def test_a_folded_part_holds_markdown() -> None:
    html = READER.render(write_details("More", write_table(("A",), [("b",)])))
    assert "<summary>More</summary>" in html
    assert "<td>b</td>" in html
