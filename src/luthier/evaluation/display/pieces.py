"""What a shown text is made of: pieces with a mark each, cut to the room that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Mark = Literal["", "wrong", "missing", "removed", "added", "shared"]
"""`wrong` and `missing` are seen from the reference, `removed` and `added` from the answer before, `shared` is what two
texts have in common."""

LONGEST_SHOWN = 4000  # characters of one text; the JSON report has all of it


class Piece(NamedTuple):
    text: str
    mark: Mark = ""


class Shown(NamedTuple):
    """`hidden` counts the characters that were left out at the end."""

    pieces: tuple[Piece, ...]
    hidden: int = 0

    @property
    def length(self) -> int:
        return sum(len(piece.text) for piece in self.pieces)

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


def cut_pieces(pieces: Iterable[Piece], room: int) -> Shown:
    joined = join_pieces(pieces)
    kept = []
    left = room
    for piece in joined:
        if left > 0:
            kept.append(piece._replace(text=piece.text[:left]))
            left -= len(piece.text)
    return Shown(tuple(kept), max(0, -left) + count_characters(joined[len(kept) :]))


def join_pieces(pieces: Iterable[Piece]) -> list[Piece]:
    """Neighbours of one mark become one piece."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].mark == piece.mark:
            joined[-1] = Piece(joined[-1].text + piece.text, piece.mark)
        elif piece.text:
            joined.append(piece)
    return joined


def count_characters(pieces: Sequence[Piece]) -> int:
    return sum(len(piece.text) for piece in pieces)
