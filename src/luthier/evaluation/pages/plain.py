"""Texts of anybody become Markdown that stays text: inert on GitHub, whatever a model or a data row holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from luthier.tokens.visible import make_visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from luthier.evaluation.display.pieces import Shown

LONGEST = 300  # characters of one text in a table
WORD_JOINER = "&#8288;"  # no width; it parts what GitHub would link even where every sign is escaped

# A backslash before any of these is taken away again when it is shown. The colon and the hash count before a letter or
# a digit (emoji, issues), the others everywhere (emphasis, code, links, tags, tables, strikes, entities, formulas).
SIGNS = re.compile(r"[\\`*_\[\]<>|~&$@]|#(?=\w)|:(?=\S)|!(?=\[)")
LINE_START = re.compile(r"^(?:[-+=#]|\d+(?=[.)]))")
ADDRESS = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp|www)(?=\\?[:.])")
MENTION = re.compile(r"(\\[@#])(?=\w)")
COMMIT = re.compile(r"\b(?=[0-9a-f]{7,40}\b)(?=\D*\d)([0-9a-f]{6})")

# What counts inside an HTML tag on one line, as numbers that no reader takes for signs.
CODE_SIGNS = re.compile(r"[\\`*_\[\]<>|~&$@]|:(?=\S)|(?<=www)\.|!(?=\[)", re.IGNORECASE)


def escape_markdown(text: str) -> str:
    """One line of plain text for anywhere in a page; no link, mention, image, list or tag comes of it."""
    return LINE_START.sub(escape_start, escape_signs(text))


def escape_signs(text: str) -> str:
    line = make_visible(" ".join(text.split()))
    escaped = SIGNS.sub(r"\\\g<0>", line)
    parted = COMMIT.sub(rf"\1{WORD_JOINER}", ADDRESS.sub(rf"\1{WORD_JOINER}", escaped))
    return MENTION.sub(rf"\1{WORD_JOINER}", parted)


def escape_start(found: re.Match[str]) -> str:
    """What opens a list, a heading or an underline: a number is kept from its point, a sign gets a backslash."""
    return f"{found.group()}{WORD_JOINER}" if found.group().isdigit() else f"\\{found.group()}"


def escape_cell(text: str) -> str:
    """As `escape_markdown`, inside a table, and no longer than that bears."""
    return escape_signs(shorten(" ".join(text.split())))


def write_code(text: str) -> str:
    """One line as code in a table's cell. HTML rather than backticks, which a text could close."""
    line = " ".join(text.split())
    return f"<code>{encode_signs(shorten(line))}</code>" if line else "*nothing*"


def write_shown(shown: Shown) -> str:
    """As `write_code`, with what is marked in bold."""
    parts = [
        f"<b>{encode_signs(fold_blanks(piece.text))}</b>" if piece.mark else encode_signs(fold_blanks(piece.text))
        for piece in shown.pieces
    ]
    more = "…" if shown.hidden else ""
    return f"<code>{''.join(parts).strip()}{more}</code>" if shown.length else "*nothing*"


def fold_blanks(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def encode_signs(text: str) -> str:
    encoded = CODE_SIGNS.sub(lambda found: f"&#{ord(found.group())};", make_visible(text))
    return encoded.replace("&#64;", f"&#64;{WORD_JOINER}")


def shorten(line: str) -> str:
    return line if len(line) <= LONGEST else line[:LONGEST].rstrip() + "…"


def write_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The cells are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write_details(title: str, body: str) -> str:
    """A part that is folded; GitHub wants blank lines around Markdown inside it."""
    return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"
