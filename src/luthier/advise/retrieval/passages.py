"""A document's text becomes passages of a few paragraphs, each with where it stands: file, heading and line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_WORDS = 160
"""About 210 tokens: the embedding model reads 256 at once, and three passages leave a small context room to answer."""

HEADING = re.compile(r"^#{1,6}\s+(?P<title>.*?)\s*#*$")
FENCE = re.compile(r"^\s*(```|~~~)")
SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+")


@dataclass(frozen=True, slots=True)
class Passage:
    """`source` is the path below the folder, `line` the first one, from 1; of a page that was HTML, of its text."""

    text: str
    source: str
    heading: str
    line: int

    @property
    def label(self) -> str:
        """As an answer names its source."""
        return f"{self.source}, {self.heading}" if self.heading else self.source

    @property
    def searched(self) -> str:
        """What a question is compared with: a passage often does not repeat what its heading says."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


class Paragraph(NamedTuple):
    text: str
    heading: str
    line: int


def cut_document(text: str, source: str, *, has_headings: bool) -> tuple[Passage, ...]:
    """Paragraphs under one heading are joined up to LONGEST_WORDS; only a longer one is cut, between sentences."""
    passages: list[Passage] = []
    gathered: list[Paragraph] = []
    for paragraph in list_paragraphs(text, has_headings=has_headings):
        is_same = bool(gathered) and gathered[0].heading == paragraph.heading
        if gathered and not (is_same and count_words([*gathered, paragraph]) <= LONGEST_WORDS):
            passages.append(join_paragraphs(gathered, source))
            gathered = []
        gathered.append(paragraph)
    if gathered:
        passages.append(join_paragraphs(gathered, source))
    return tuple(passages)


def list_paragraphs(text: str, *, has_headings: bool) -> Iterator[Paragraph]:
    heading, lines, start, is_code = "", list[str](), 1, False
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        is_code ^= bool(FENCE.match(line))
        title = HEADING.match(line) if has_headings and not is_code else None
        if line.strip() and title is None:
            start = start if lines else number
            lines.append(line.rstrip())
        elif not is_code or title:
            yield from cut_paragraph(Paragraph("\n".join(lines), heading, start))
            lines = []
        if title:
            heading = title["title"]
    yield from cut_paragraph(Paragraph("\n".join(lines), heading, start))


def cut_paragraph(paragraph: Paragraph) -> Iterator[Paragraph]:
    """As few parts as possible; a sentence that is too long by itself is cut between words."""
    if count_words([paragraph]) <= LONGEST_WORDS:
        if paragraph.text:
            yield paragraph
        return
    part: list[str] = []
    for piece in list_pieces(paragraph.text):
        if part and len(part) + len(piece) > LONGEST_WORDS:
            yield paragraph._replace(text=" ".join(part))
            part = []
        part += piece
    yield paragraph._replace(text=" ".join(part))


def list_pieces(text: str) -> Iterator[list[str]]:
    for sentence in SENTENCE_END.split(text):
        words = sentence.split()
        yield from (words[start : start + LONGEST_WORDS] for start in range(0, len(words), LONGEST_WORDS))


def count_words(paragraphs: list[Paragraph]) -> int:
    return sum(len(paragraph.text.split()) for paragraph in paragraphs)


def join_paragraphs(paragraphs: list[Paragraph], source: str) -> Passage:
    text = "\n\n".join(paragraph.text for paragraph in paragraphs)
    return Passage(text, source, paragraphs[0].heading, paragraphs[0].line)
