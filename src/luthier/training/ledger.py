"""The rows of a run in numbers, and by line each one that was left out: rows.json in the run's folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from luthier.errors import StoreDamaged
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

LEDGER_FILE = "rows.json"


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """`line` is where the row stands in its file; `fingerprint` finds it when the file has changed."""

    line: int
    fingerprint: str
    tokens: int
    reason: str


@dataclass(frozen=True, slots=True)
class SideRows:
    """What is used of one side of a split: `tokens` counts one pass over its rows, `longest` is the longest of them."""

    rows: int
    tokens: int
    trained_tokens: int
    longest: int
    dropped: tuple[DroppedRow, ...] = ()

    def summarise(self) -> dict[str, int]:
        counts = {"rows": self.rows, "tokens": self.tokens, "trained_tokens": self.trained_tokens}
        return {**counts, "longest": self.longest, "dropped": len(self.dropped)}


@dataclass(frozen=True, slots=True)
class RowLedger:
    """`limit` is the most tokens that a row may have. No row is ever cut, so there are none to list."""

    limit: int
    train: SideRows
    validation: SideRows

    @property
    def sides(self) -> dict[str, SideRows]:
        return {"train": self.train, "validation": self.validation}

    def summarise(self) -> dict[str, Any]:
        """The counts alone, for records that stay small whatever was dropped."""
        return {"limit": self.limit, **{side: rows.summarise() for side, rows in self.sides.items()}}


def write_ledger(ledger: RowLedger, folder: Path) -> None:
    """The first one stands when a run is taken up again: its lines are those of the file that the user has."""
    kept = read_ledger(folder)
    if kept is not None and kept.summarise() == ledger.summarise():
        return
    write_atomic(folder / LEDGER_FILE, json.dumps(asdict(ledger), indent=2) + "\n")


def read_ledger(folder: Path) -> RowLedger | None:
    """None for a run that has none, because it failed before it began or is older than ledgers."""
    path = folder / LEDGER_FILE
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return RowLedger(kept["limit"], _build_side(kept["train"]), _build_side(kept["validation"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreDamaged(f"{path} is damaged: {error}", hint="run the same command again") from error


def _build_side(kept: dict[str, Any]) -> SideRows:
    return SideRows(**{**kept, "dropped": tuple(DroppedRow(**row) for row in kept["dropped"])})
