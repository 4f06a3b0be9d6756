"""A model's text becomes inert pieces for a page: JSON laid out, differences marked, nothing invisible or endless."""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

from luthier.evaluation.graders.json_equality import find_difference, show_scalar
from luthier.evaluation.graders.strict_json import NotStrictJson, children_of, parse_json

Mark = Literal["", "wrong", "missing"]

LONGEST_SHOWN = 4000  # characters of one text; the JSON report has all of it
WIDEST_LINE_OF_JSON = 40  # characters, what a third of the page holds; a flat value that fits stays on one line
MOST_WORDS_COMPARED = 600  # difflib's time grows with the square
WORD = re.compile(r"\s+|\w+|[^\w\s]")


class Piece(NamedTuple):
    text: str
    mark: Mark = ""


class Shown(NamedTuple):
    """`hidden` counts the characters that were left out at the end."""

    pieces: tuple[Piece, ...]
    hidden: int

    @property
    def length(self) -> int:
        return sum(len(piece.text) for piece in self.pieces)


def show_text(text: str, reference: str | None = None) -> Shown:
    """Marks what differs from the reference, when both are JSON or neither is."""
    return cut_pieces(find_pieces(text, text if reference is None else reference))


def find_pieces(text: str, reference: str) -> list[Piece]:
    value, wanted = read_json(text), read_json(reference)
    if value is not None and wanted is not None:
        return lay_out(value, wanted)
    if value is not None:
        return lay_out(value, value)
    if wanted is not None or text == reference:
        return [Piece(text)]
    return compare_words(text, reference)


def read_json(text: str) -> Any:
    """None for what is not a JSON object or list: a lone number or word is easier to read as text."""
    try:
        value = parse_json(text)
    except NotStrictJson:
        return None
    return value if isinstance(value, dict | list) else None


def lay_out(value: Any, like: Any, depth: int = 0) -> list[Piece]:
    """Indented JSON with its keys in the order of `like`, and marked wherever it differs from it."""
    if isinstance(value, dict) and isinstance(like, dict):
        entries, brackets = lay_out_object(value, like, depth + 1), "{}"
    elif isinstance(value, list) and isinstance(like, list):
        entries, brackets = lay_out_list(value, like, depth + 1), "[]"
    elif find_difference(value, like) is None:
        return [Piece(show_scalar(value))]
    else:
        return [Piece(write_json(value, depth), "wrong")]
    is_flat = depth > 0 and not any(isinstance(child, dict | list) for child in children_of(value))
    width = 2 * depth + 2 * len(entries) + sum(len(piece.text) for entry in entries for piece in entry)
    is_inline = not entries or (is_flat and width <= WIDEST_LINE_OF_JSON)
    start, between, end = ("", ", ", "") if is_inline else indents(depth)
    pieces = [Piece(brackets[0] + start)]
    for index, entry in enumerate(entries):
        pieces += [Piece(between), *entry] if index else entry
    return [*pieces, Piece(end + brackets[1])]


def lay_out_object(value: dict[str, Any], like: dict[str, Any], depth: int) -> list[list[Piece]]:
    entries = []
    for key, wanted in like.items():
        label = json.dumps(key, ensure_ascii=False) + ": "
        if key in value:
            entries.append([Piece(label), *lay_out(value[key], wanted, depth)])
        else:
            entries.append([Piece(label + "missing", "missing")])
    for key in value:
        if key not in like:
            label = json.dumps(key, ensure_ascii=False) + ": "
            entries.append([Piece(label + write_json(value[key], depth), "wrong")])
    return entries


def lay_out_list(value: list[Any], like: list[Any], depth: int) -> list[list[Piece]]:
    entries = [lay_out(*pair, depth) for pair in zip(value, like, strict=False)]
    entries += [[Piece(write_json(extra, depth), "wrong")] for extra in value[len(like) :]]
    entries += [[Piece("missing", "missing")] for _ in like[len(value) :]]
    return entries


def write_json(value: Any, depth: int) -> str:
    return "".join(piece.text for piece in lay_out(value, value, depth))


def indents(depth: int) -> tuple[str, str, str]:
    inner, outer = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    return inner, "," + inner, outer


def compare_words(text: str, reference: str) -> list[Piece]:
    words, wanted = WORD.findall(text), WORD.findall(reference)
    if max(len(words), len(wanted)) > MOST_WORDS_COMPARED:
        return [Piece(text)]
    pieces = []
    for kind, _, _, start, end in SequenceMatcher(None, wanted, words, autojunk=False).get_opcodes():
        if end > start:
            pieces.append(Piece("".join(words[start:end]), "" if kind == "equal" else "wrong"))
    return pieces


def cut_pieces(pieces: list[Piece]) -> Shown:
    kept, room = [], LONGEST_SHOWN
    for piece in pieces:
        if room > 0:
            kept.append(piece._replace(text=piece.text[:room]))
            room -= len(piece.text)
    return Shown(tuple(kept), max(0, -room) + sum(len(piece.text) for piece in pieces[len(kept) :]))
