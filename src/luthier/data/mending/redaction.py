"""A text or a row goes in, a copy with marks such as [EMAIL_1] for secrets and for people's data comes out.

The same value gets the same mark throughout a row, so that the model can still learn who is meant; JSON stays JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luthier.data.sensitive.spans import KINDS, Piece, Span, find_in_piece, find_spans, split_pieces

if TYPE_CHECKING:
    from collections.abc import Collection

MARK = re.compile(rf"\[({'|'.join(kind.upper() for kind in KINDS)})_(\d{{1,9}})\]")


@dataclass(frozen=True)
class Redaction:
    """`spans` are the places in the text that was given, each with what stood there."""

    text: str
    spans: tuple[Span, ...]


def redact_text(text: str, kinds: Collection[str] = KINDS) -> Redaction:
    """Text that is JSON stays JSON, with a mark in quotes where a number stood."""
    spans = tuple(find_spans(text, kinds))
    return Redaction(_Marker(text, kinds).redact_text(text) if spans else text, spans)


def redact_row(row: dict[str, Any], kinds: Collection[str] = KINDS) -> dict[str, Any]:
    """Every text and number of the row is looked at, those of its tools and its metadata too."""
    marker = _Marker(json.dumps(row, ensure_ascii=False), kinds)
    return {key: marker.redact_value(value, key) for key, value in row.items()}


class _Marker:
    """Numbers the values of one row; marks that it holds already keep their numbers."""

    def __init__(self, text: str, kinds: Collection[str]) -> None:
        self._kinds = kinds
        self._marks: dict[tuple[str, str], str] = {}
        self._last: dict[str, int] = {}
        for kind, number in MARK.findall(text):
            self._last[kind] = max(self._last.get(kind, 0), int(number))

    def redact_value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            return self.redact_text(value, key)
        if isinstance(value, dict):
            return {self.redact_text(name): self.redact_value(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.redact_value(item, key) for item in value]
        if isinstance(value, int) and not isinstance(value, bool):
            redacted = self._redact_piece(Piece(0, 0, str(value), key, is_number=True))
            return redacted if redacted != str(value) else value
        return value

    def redact_text(self, text: str, key: str = "") -> str:
        kept: list[str] = []
        end = 0
        for piece in split_pieces(text):
            redacted = self._redact_piece(piece._replace(key=piece.key or key))
            if redacted == piece.text:
                continue
            if piece.is_number:
                redacted = f'"{redacted}"'
            elif piece.start > 0:
                redacted = json.dumps(redacted, ensure_ascii=text.isascii() or not _is_encodable(redacted))[1:-1]
            kept += [text[end : piece.start], redacted]
            end = piece.end
        return "".join(kept) + text[end:]

    def _redact_piece(self, piece: Piece) -> str:
        kept: list[str] = []
        end = 0
        for span in find_in_piece(piece, self._kinds):
            kept += [piece.text[end : span.start], self._find_mark(span)]
            end = span.end
        return "".join(kept) + piece.text[end:]

    def _find_mark(self, span: Span) -> str:
        key = (span.kind, _unify(span))
        if key not in self._marks:
            kind = span.kind.upper()
            self._last[kind] = self._last.get(kind, 0) + 1
            self._marks[key] = f"[{kind}_{self._last[kind]}]"
        return self._marks[key]


def _is_encodable(text: str) -> bool:
    """JSON may escape half of a character, and such a half can only be written as it was read."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _unify(span: Span) -> str:
    """The value without what may differ between two ways to write it."""
    if span.kind in ("phone", "card"):
        return re.sub(r"\D", "", span.value)
    return span.value if span.kind == "secret" else span.value.replace(" ", "").casefold()
