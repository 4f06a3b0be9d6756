"""The page of a preview stands alone, says in words and lines what it says in colour, and runs nobody's markup."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Conversation, Message
from luthier.data.finding import Finding
from luthier.tokens.page import cut_stretches, render_page
from luthier.tokens.preview import RowPreview, TokenPreview, preview_conversation
from tests.support.tiny import build_template

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = "</span><script>alert(1)</script> \u202e\x1b[31m"
CONVERSATION = Conversation((Message("user", f"{HOSTILE}\n\tend"), Message("assistant", "one\n two")))


class Tags(HTMLParser):
    """Collects what is written in tags of one class, and every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def find(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.tags if name == tag)


@pytest.fixture
def preview() -> TokenPreview:
    return preview_conversation(build_template(), CONVERSATION, limit=512)


@pytest.fixture
def page(preview: TokenPreview) -> str:
    return render_page([RowPreview(3, (), (preview,))], file="rows.jsonl", base="tiny")


def test_the_page_needs_nothing_else(page: str) -> None:
    assert not re.search(r'(src|href)="', page)
    assert "http" not in page.replace("http-equiv", "")
    assert [tag for tag, _ in Tags(page).tags if tag in ("link", "img", "iframe")] == []


def test_only_our_own_style_and_script_may_run(page: str) -> None:
    policy = next(tag["content"] for tag in Tags(page).find("meta") if tag.get("http-equiv"))
    for part in ("style", "script"):
        (source,) = re.findall(f"<{part}>(.*?)</{part}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{part}-src 'sha256-{digest}'" in policy


def test_text_of_a_row_is_never_markup_and_never_invisible(page: str) -> None:
    assert page.count("<script>") == 1
    assert page.count(">&lt;</span>") == HOSTILE.count("<")
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "⟨U+202E⟩" in page
    assert "⟨U+001B⟩" in page


def test_every_token_tells_its_position_and_id(page: str, preview: TokenPreview) -> None:
    titles = [tag["title"] for tag in Tags(page).find("span") if tag.get("title")]
    assert len(titles) == len(preview.tokens)
    for title, token in zip(titles, preview.tokens, strict=True):
        kind = "trained" if token.is_trained else "masked"
        assert title is not None
        assert title.startswith(f"position {token.position}, id {token.id}, {kind}")
    assert titles[0].endswith("control token")


def test_trained_tokens_are_underlined_and_not_only_coloured(page: str, preview: TokenPreview) -> None:
    marked = re.search(r'<mark class="trained">(.*?)</mark>', page.split('class="tokens"')[1], flags=re.DOTALL)
    assert marked is not None
    assert marked[1].count('class="token') == preview.trained_count
    assert re.search(r"mark \.token \{[^}]*text-decoration: underline", page)
    assert "prefers-color-scheme: dark" in page


def test_blanks_are_shown_and_lines_break_where_they_do(preview: TokenPreview) -> None:
    views = [view for stretch in cut_stretches(preview) for view in stretch.tokens]
    assert sum(view.ends_line for view in views) == sum(token.text.count("\n") for token in preview.tokens)
    assert {view.text for view in views} >= {"↵", "→", "·"}
    assert [stretch.is_trained for stretch in cut_stretches(preview)] == [False, True, False]


def test_a_table_has_every_token_for_those_who_cannot_hover(page: str, preview: TokenPreview) -> None:
    table = page.split("<tbody>")[1].split("</tbody>")[0]
    assert table.count("<tr>") == len(preview.tokens)
    tokens = next(tag for tag in Tags(page).find("div") if tag.get("class") == "tokens")
    assert tokens["tabindex"] == "0"


def test_findings_and_refusals_stand_where_tokens_would() -> None:
    finding = Finding("LD207", "error", 2, "the last message is from <b>", "end with an answer")
    rows = [
        RowPreview(2, (finding,), ()),
        RowPreview(4, (), (TokenPreview("", 512, refusal="no tools", hint="take another base"),)),
        RowPreview(6, (), ()),
    ]
    page = render_page(rows, file="rows.jsonl", base="tiny")
    assert "error LD207</strong> the last message is from &lt;b&gt;" in page
    assert "no tools" in page
    assert "take another base" in page
    assert "The row has no answer to learn." in page
    assert 'class="tokens"' not in page
