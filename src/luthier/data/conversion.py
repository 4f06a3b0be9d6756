"""A file of any format is written in OpenAI's, one row a line: all rows or, if one cannot be converted, none."""

from __future__ import annotations

import filecmp
import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypedDict

from luthier.data.formats.columns import ColumnMap
from luthier.data.formats.format import UnreadableRow
from luthier.data.formats.registry import FORMATS
from luthier.data.readers.reader import read_rows
from luthier.data.row_converter import RowConverter
from luthier.errors import InvalidDataset, NameTaken, UsageError
from luthier.store.files import is_read, replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from luthier.data.formats.format import Format
    from luthier.data.jsonl import Line
    from luthier.data.row_converter import Target

TAKEN_HINT = "name another file with --out, or replace this one with --force"
REFUSALS_KEPT = 1000
"""In memory; beyond that they are counted, and the ledger has them all."""


@dataclass(frozen=True, slots=True)
class ConversionOrder:
    """`form` is the format or the map of columns that every row is read by; without one, each row tells its own.

    `system` is the system prompt of rows that have none. Bad rows are left out if `skips_bad`, and otherwise stop
    everything. A file that stands at `out` is replaced only if `replaces`, or if it is the very same.
    """

    source: Path
    out: Path
    to: Target = "openai"
    form: Format | None = None
    system: str = ""
    skips_bad: bool = False
    replaces: bool = False

    @property
    def ledger(self) -> Path:
        return self.out.with_suffix(".skipped.jsonl")


class ConversionChoices(TypedDict, total=False):
    """What the caller chose. `source_format` and `columns`, each `user=question` or the like, make the `form`."""

    to: Target
    source_format: str | None
    columns: Sequence[str]
    system: str
    skips_bad: bool
    replaces: bool


class Refusal(NamedTuple):
    line: int
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was done. `format` is the name of the format found; `forms` counts the rows in each form written.

    `moved` counts the rows of which a key was moved to the metadata. `ledger` is None when no row was left out.
    """

    source: Path
    out: Path
    format: str
    forms: dict[str, int]
    skipped: int
    ledger: Path | None
    moved: dict[str, int]
    rejected_left_out: int
    system_added: int

    @property
    def row_count(self) -> int:
        return sum(self.forms.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "file": str(self.source),
            "out": str(self.out),
            "format": self.format,
            "rows": self.row_count,
            "forms": self.forms,
            "skipped": self.skipped,
            "ledger": str(self.ledger) if self.ledger else None,
            "moved_to_metadata": self.moved,
            "rejected_left_out": self.rejected_left_out,
            "system_added": self.system_added,
        }


def convert_file(order: ConversionOrder, *, on_progress: Callable[[int], None] = lambda rows: None) -> Conversion:
    """Streams, so that the size of the file does not matter; what is written appears at the end, or not at all.

    Raises InvalidDataset when rows cannot be converted or are in several formats, NameTaken when something else
    stands at `out`, and what `read_rows` raises.
    """
    _refuse_target(order)
    converter = RowConverter(to=order.to, form=order.form, system=order.system)
    columns = order.form if isinstance(order.form, ColumnMap) else None
    with ExitStack() as stack:
        rows = stack.enter_context(replace_file(order.out))
        tray = _Tray(order, stack)
        for count, line in enumerate(read_rows(order.source, columns), 1):
            if not line.is_blank:
                try:
                    _write_row(rows, converter.convert(line))
                except UnreadableRow as flaw:
                    tray.put(line, flaw)
            on_progress(count)
        _refuse_result(order, converter, tray)
        _refuse_overwriting(order, rows, order.out)
        tray.close()
    return Conversion(
        source=order.source,
        out=order.out,
        format=next(iter(converter.formats)),
        forms=dict(converter.written_counts),
        skipped=tray.count,
        ledger=order.ledger if tray.count else None,
        moved=dict(sorted(converter.moved_counts.items())),
        rejected_left_out=converter.rejected_count,
        system_added=converter.system_count,
    )


class _Tray:
    """Where rows go that cannot be converted; those of an order that skips them are listed in its ledger."""

    def __init__(self, order: ConversionOrder, stack: ExitStack) -> None:
        self._order = order
        self._stack = stack
        self._ledger: BinaryIO | None = None
        self.first: list[Refusal] = []
        self.count = 0

    def put(self, line: Line, flaw: UnreadableRow) -> None:
        self.count += 1
        if len(self.first) < REFUSALS_KEPT:
            self.first.append(Refusal(line.number, flaw.message, flaw.hint))
        if not self._order.skips_bad:
            return
        if self._ledger is None:
            self._ledger = self._stack.enter_context(replace_file(self._order.ledger))
        value = line.value if line.is_parsed else line.raw.decode("utf-8", "replace") or None
        _write_row(self._ledger, {"line": line.number, "reason": flaw.message, "hint": flaw.hint, "row": value})

    def close(self) -> None:
        """A ledger of an earlier conversion must not stand beside rows of which none was left out."""
        if self._ledger is not None:
            _refuse_overwriting(self._order, self._ledger, self._order.ledger)
        elif self._order.ledger.exists():
            if not self._order.replaces:
                raise NameTaken(f"{self._order.ledger} is the ledger of another conversion", hint=TAKEN_HINT)
            self._order.ledger.unlink()


def _write_row(file: BinaryIO, row: dict[str, Any]) -> None:
    file.write(json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n")


def _refuse_target(order: ConversionOrder) -> None:
    if order.out.is_dir():
        raise UsageError(f"{order.out} is a folder", hint="name the file to write")
    for path in (order.out, order.ledger):
        if is_read(path, order.source):
            raise UsageError(
                f"{path} is the file to be converted", hint="write to another file; this one stays as it is"
            )


def _refuse_overwriting(order: ConversionOrder, fresh: BinaryIO, path: Path) -> None:
    fresh.flush()
    if path.exists() and not order.replaces and not filecmp.cmp(fresh.name, path, shallow=False):
        raise NameTaken(f"{path} exists and holds something else", hint=TAKEN_HINT)


def _refuse_result(order: ConversionOrder, converter: RowConverter, tray: _Tray) -> None:
    """What speaks against writing these rows; the most general reason first."""
    if not converter.formats and not tray.count:
        raise InvalidDataset(f"{order.source} has no rows", hint="name a file with rows")
    if len(converter.formats) > 1:
        _refuse_mixture(order, converter)
    if len(converter.written_counts) > 1:
        counts = " and ".join(f"{count} in the form {form}" for form, count in converter.written_counts.items())
        raise InvalidDataset(f"{order.source} would become {counts}", hint="ask for one form with --to chat")
    written = sum(converter.written_counts.values())
    if tray.count and (written == 0 or not order.skips_bad):
        hints = {refusal.hint for refusal in tray.first}
        skip_hint = "correct them, or leave them out with --skip-bad"
        raise InvalidDataset(
            f"{tray.count} of {tray.count + written} rows cannot be converted; nothing is written",
            rows=[f"{order.source.name}:{refusal.line}: {refusal.reason}" for refusal in tray.first],
            hint=hints.pop() if len(hints) == 1 else skip_hint,
        )


def _refuse_mixture(order: ConversionOrder, converter: RowConverter) -> None:
    titles = {form.name: form.title for form in FORMATS}
    rows = [
        f"{titles[name]}: {count} rows, first on line {', '.join(map(str, converter.formats[name]))}"
        for name, count in converter.format_counts.most_common()
    ]
    hint = "write the rows of one format: --from FORMAT --skip-bad"
    raise InvalidDataset(f"{order.source} mixes {len(rows)} formats", rows=rows, hint=hint)
