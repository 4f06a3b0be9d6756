"""A text becomes the places in it where a secret or something about a person stands, with what kind of thing it is.

Kinds are secret, card, iban, email, phone and ip; where two overlap, the first of these counts. In JSON every value
is looked at by itself, together with its key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from luthier.data.profile import holds_json
from luthier.data.sensitive.people import (
    find_cards,
    find_emails,
    find_ibans,
    find_ips,
    find_phones,
    may_hold_card,
    may_hold_email,
    may_hold_iban,
    may_hold_ip,
    may_hold_phone,
)
from luthier.data.sensitive.place import Place
from luthier.data.sensitive.secret_search import find_secrets, may_hold_secret

if TYPE_CHECKING:
    from collections.abc import Collection


class Detector(NamedTuple):
    """`may_hold` is a cheap test that is True for every text in which `find` finds something."""

    may_hold: Callable[[str], bool]
    find: Callable[[str], Iterator[Place]]


DETECTORS = {
    "secret": Detector(may_hold_secret, find_secrets),
    "card": Detector(may_hold_card, find_cards),
    "iban": Detector(may_hold_iban, find_ibans),
    "email": Detector(may_hold_email, find_emails),
    "phone": Detector(may_hold_phone, find_phones),
    "ip": Detector(may_hold_ip, find_ips),
}
KINDS = tuple(DETECTORS)

SHORTEST_NUMBER = 7
"""Digits of the shortest number that can be a telephone's."""

JSON_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*')


class Span(NamedTuple):
    """`value` is what stands between `start` and `end`, without escapes where that is a string in JSON."""

    kind: str
    start: int
    end: int
    value: str
    name: str


class Piece(NamedTuple):
    """A part of a text that is read by itself: all of it, or a string or number of JSON, with the key before it.

    `start` and `end` are its place in the text, without quotes; a key is a piece too.
    """

    start: int
    end: int
    text: str
    key: str = ""
    is_number: bool = False


def find_spans(text: str, kinds: Collection[str] = KINDS) -> list[Span]:
    """In the order of the text, and none inside another."""
    held = [kind for kind in kinds if DETECTORS[kind].may_hold(text)]
    spans: list[Span] = []
    for piece in split_pieces(text) if held else ():
        for span in find_in_piece(piece, held):
            is_plain = piece.end - piece.start == len(piece.text)
            start, end = (piece.start + span.start, piece.start + span.end) if is_plain else (piece.start, piece.end)
            spans.append(span._replace(start=start, end=end))
    return spans


def split_pieces(text: str) -> Iterator[Piece]:
    if not holds_json(text):
        yield Piece(0, len(text), text)
        return
    key = ""
    for match in JSON_SCALAR.finditer(text):
        token, start, end = match.group(), match.start(), match.end()
        if token[0] != '"':
            yield Piece(start, end, token, key, is_number=True)
            continue
        value = json.loads(token)
        is_key = text[end : end + 20].lstrip().startswith(":")
        yield Piece(start + 1, end - 1, value, "" if is_key else key)
        key = value if is_key else key


def find_in_piece(piece: Piece, kinds: Collection[str] = KINDS) -> list[Span]:
    """Places count from the beginning of the piece. A number is of a kind only as a whole."""
    if piece.is_number and len(piece.text) < SHORTEST_NUMBER:
        return []
    lead = f"{piece.key}: " if piece.key else ""
    text = lead + piece.text
    taken: list[Span] = []
    for kind in KINDS:
        if kind not in kinds:
            continue
        for place in DETECTORS[kind].find(text):
            start, end = place.start - len(lead), place.end - len(lead)
            is_free = start >= 0 and all(end <= span.start or start >= span.end for span in taken)
            if is_free and (not piece.is_number or (start, end) == (0, len(piece.text))):
                taken.append(Span(kind, start, end, place.value, place.name))
    return sorted(taken, key=lambda span: span.start)
