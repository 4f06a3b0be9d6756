"""A model's text becomes inert pieces for a page: JSON laid out, differences marked, nothing endless."""

from __future__ import annotations

from luthier.evaluation.display.json_layout import lay_out_answer, lay_out_change, read_json
from luthier.evaluation.display.pieces import LONGEST_SHOWN, Piece, Shown, cut_pieces
from luthier.evaluation.display.words import mark_shared, mark_words, mix_words


def show_text(text: str, reference: str | None = None, *, room: int = LONGEST_SHOWN) -> Shown:
    """Marks what differs from the reference, when both are JSON or neither is."""
    return cut_pieces(mark_answer(text, text if reference is None else reference), room)


def show_change(before: str, after: str, *, room: int = LONGEST_SHOWN) -> Shown | None:
    """Both answers in one text; None where they are equal, or have so little in common that it would be unreadable."""
    if before == after:
        return None
    old, new = read_json(before), read_json(after)
    if old is not None and new is not None:
        return cut_pieces(lay_out_change(old, new), room) if type(old) is type(new) else None
    mixed = mix_words(before, after) if old is None and new is None else None
    return None if mixed is None else cut_pieces(mixed, room)


def show_shared(text: str, other: str, *, room: int = LONGEST_SHOWN) -> Shown:
    """Marks what stands in the other text as well."""
    return cut_pieces(mark_shared(text, other), room)


def mark_answer(text: str, reference: str) -> list[Piece]:
    value, wanted = read_json(text), read_json(reference)
    if value is not None:
        return lay_out_answer(value, value if wanted is None else wanted)
    if wanted is not None or text == reference:
        return [Piece(text)]
    return mark_words(text, reference)
