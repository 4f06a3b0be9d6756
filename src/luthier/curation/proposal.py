"""What curation proposes: which rows to keep, in which order, and of each row that is left out the plain reason."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from luthier.curation.signal import SUSPECT
from luthier.data.dataset import Dataset

if TYPE_CHECKING:
    from luthier.curation.signal import Blame

ERROR, COPY, REFUSED, COVERED = "error", "copy", "refused", "covered"
"""Reasons that are no signal: the row has errors, repeats another, cannot be learned by the base, or is sound and
said well enough by rows that are kept."""

WORST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """`rank` counts from 1; the rows kept come first. `reasons` tell what speaks against it, the strongest first.

    `scores` hold the value of each signal that applies; empty for rows that are left out unseen.
    """

    line: int
    rank: int
    is_kept: bool
    suspicion: float
    scores: dict[str, float]
    reasons: tuple[Blame, ...]

    @property
    def is_suspect(self) -> bool:
        return self.suspicion >= SUSPECT

    def to_json(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "kept": self.is_kept,
            "rank": self.rank,
            "suspicion": round(self.suspicion, 4),
            "scores": {name: round(value, 4) for name, value in self.scores.items() if math.isfinite(value)},
            "reasons": [{"signal": blame.signal, "reason": blame.reason} for blame in self.reasons],
        }


@dataclass(frozen=True)
class Proposal:
    """`source` has the rows without errors; `rows` has every row of the file, by line."""

    source: Dataset
    rows: tuple[JudgedRow, ...]

    @cached_property
    def kept(self) -> Dataset:
        """In the order of the file."""
        lines = {row.line for row in self.rows if row.is_kept}
        examples = tuple(example for example in self.source.examples if example.line in lines)
        return Dataset(f"{self.source.name}-curated", self.source.path, examples)

    @property
    def left_out(self) -> Counter[str]:
        """By the first reason."""
        return Counter(row.reasons[0].signal for row in self.rows if not row.is_kept)

    @property
    def suspects_kept(self) -> int:
        """More than 0 when so many rows were asked for that sound ones did not suffice."""
        return sum(row.is_kept and row.is_suspect for row in self.rows)

    @property
    def worst(self) -> list[JudgedRow]:
        """Rows that were judged and found wanting; errors and copies are no matter of judgement."""
        judged = [row for row in self.rows if row.scores and row.reasons and row.suspicion > 0]
        return sorted(judged, key=lambda row: (-row.suspicion, row.line))[:WORST_SHOWN]

    def to_json(self) -> dict[str, Any]:
        return {
            "file": str(self.source.path),
            "fingerprint": self.source.fingerprint,
            "rows": len(self.rows),
            "kept": len(self.kept.examples),
            "kept_fingerprint": self.kept.fingerprint,
            "suspects_kept": self.suspects_kept,
            "left_out": dict(self.left_out.most_common()),
            "worst": [row.to_json() for row in self.worst],
        }
