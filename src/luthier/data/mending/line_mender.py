"""A line goes in with the rules that found something on it; out comes how it is written now, and what changed."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.formats.format import UnreadableRow
from luthier.data.formats.registry import detect_format
from luthier.data.lint.file import ByteOrderMark
from luthier.data.mending.changes import ABSENT, Change, find_differences
from luthier.data.mending.redaction import MARK, redact_row, redact_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from luthier.data.formats.columns import ColumnMap
    from luthier.data.jsonl import Line
    from luthier.data.lint.rule import Rule


class MendedLine(NamedTuple):
    """`text` is None for a line that is left out."""

    text: bytes | None
    changes: tuple[Change, ...] = ()


class LineMender:
    """`rules` are those that may mend, by code; those about privacy look at every row, whatever was found there."""

    def __init__(self, rules: Mapping[str, Rule[Any]]) -> None:
        self._rules = {code: rule for code, rule in rules.items() if not rule.is_privacy}
        self._redactors = [rule for rule in rules.values() if rule.is_privacy]

    def mend(self, line: Line, codes: Sequence[str], columns: ColumnMap | None = None) -> MendedLine:
        """`codes` are those of the findings on the line. A row is written in OpenAI's form."""
        codes = [code for code in codes if code in self._rules]
        if line.is_blank:
            return MendedLine(None, tuple(Change(line.number, code, "dropped", before="") for code in codes))
        changes = list(_note_mark(line, codes))
        row = _read_row(line, columns)
        if row is None:
            return self._keep(line, changes)
        for code in codes:
            mended = self._rules[code].mend(row)
            if mended is None:
                return MendedLine(None, (*changes, Change(line.number, code, "dropped", before=row)))
            changes += (Change(line.number, code, "changed", *found) for found in find_differences(row, mended))
            row = mended
        return self._write(row, line, changes)

    def drop(self, line: Line, code: str) -> MendedLine:
        """Without the line, because of a finding that nothing could mend."""
        before = line.value if line.is_parsed else line.raw.decode("utf-8", "backslashreplace")
        return MendedLine(None, (Change(line.number, code, "dropped", before=before),))

    def _keep(self, line: Line, changes: list[Change]) -> MendedLine:
        """A line that is no row stands as it stood, unless nobody can tell what would have to be redacted in it."""
        if line.is_parsed:
            return self._write(line.value, line, changes)
        if self._redactors or not line.raw:
            return MendedLine(None, (*changes, Change(line.number, "", "dropped")))
        return MendedLine(line.raw.removeprefix(codecs.BOM_UTF8), tuple(changes))

    def _write(self, value: Any, line: Line, changes: list[Change]) -> MendedLine:
        if self._redactors and redact_row({"row": value}) != {"row": value}:  # most rows are done after this one look
            for rule in self._redactors:
                redacted = _redact(rule, value)
                changes += _list_marks(rule.code, line.number, value, redacted)
                value = redacted
        return MendedLine(json.dumps(value, ensure_ascii=False).encode(), tuple(changes))


def _redact(rule: Rule[Any], value: Any) -> Any:
    row = rule.mend({"row": value})
    return row["row"] if row else value


def _list_marks(code: str, line: int, before: Any, after: Any) -> Iterator[Change]:
    """One change for each mark that was set."""
    for path, old, new in find_differences(before, after):
        marks = Counter(_find_marks(new)) - Counter(_find_marks(old))
        if old is ABSENT:  # a key that is new because it was redacted
            marks += Counter(_find_marks(path))
        for kind, mark in marks.elements():
            yield Change(line, code, "redacted", redact_text(path).text, kind=kind.lower(), mark=mark)


def _find_marks(value: Any) -> list[tuple[str, str]]:
    return [(found[1], found[0]) for found in MARK.finditer(str(value))]


def _note_mark(line: Line, codes: Sequence[str]) -> Iterator[Change]:
    if line.has_mark and ByteOrderMark.code in codes:
        yield Change(line.number, ByteOrderMark.code, "changed", before="\ufeff", after="")


def _read_row(line: Line, columns: ColumnMap | None) -> dict[str, Any] | None:
    """None for what is no row, or cannot be converted."""
    if not line.is_parsed or not isinstance(line.value, dict):
        return None
    format_ = columns or detect_format(line.value)
    try:
        return format_.to_openai(line.value) if format_ else line.value
    except UnreadableRow:
        return None
