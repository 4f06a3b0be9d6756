"""Dealt rows become what is worth knowing about them: what was kept together, which labels are where, what is odd."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.splits.bonds import Bundles, count_bundles
from luthier.data.splits.dealing import HELD_OUT, count_target
from luthier.data.splits.limits import describe_lines, explain_unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.data.splits.dealing import Side
    from luthier.data.splits.limits import Dealt
    from luthier.data.splits.standing import Turnover

LARGE_FRACTION = 0.25
"""A unit of so many of the rows deserves a word: none of them can be tested on what it learned from the others."""

TOLERATED_FRACTION = 0.2
"""How far a held-out side may be from the rows it should have before that deserves a word."""


class LabelTable(NamedTuple):
    """Rows with each label on each side; the label of a row that has none is None."""

    title: str
    counts: dict[Side, Counter[str | None]]

    @property
    def labels(self) -> list[str | None]:
        """The most frequent first."""
        total: Counter[str | None] = sum(self.counts.values(), Counter())
        return sorted(total, key=lambda label: (-total[label], str(label)))


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """`beginnings` are prompts, or conversations that share their beginning, of several rows; `clusters` are of
    prompts that differ but nearly say the same; `groups` are as somebody chose, and `ungrouped` rows have none.

    `turnover` is None when there was no earlier split, `labels` when the answers hold none.
    """

    units: int
    beginnings: Bundles
    clusters: Bundles
    groups: Bundles
    ungrouped: int
    turnover: Turnover | None
    labels: LabelTable | None
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        table = self.labels
        return {
            "units": self.units,
            "together": {
                "beginnings": self.beginnings._asdict(),
                "near_duplicates": self.clusters._asdict(),
                "groups": self.groups._asdict(),
            },
            "ungrouped": self.ungrouped,
            "turnover": self.turnover._asdict() if self.turnover else None,
            "labels": {
                "field": table.title,
                "counts": [
                    {"label": label, **{side: counts[label] for side, counts in table.counts.items()}}
                    for label in table.labels
                ],
            }
            if table
            else None,
            "warnings": list(self.warnings),
        }


def summarise_split(dealt: Dealt) -> SplitSummary:
    openings, groups, clusters = dealt.bonds
    side_of = {row: side for side, rows in dealt.hands.items() for row in rows}
    table = None
    if dealt.labels:
        values = dealt.labels.values
        counts = {side: Counter(values[row] for row in rows) for side, rows in dealt.hands.items()}
        table = LabelTable(dealt.labels.title, counts)
    members: dict[int, set[str]] = {}
    for opening, cluster in zip(openings, clusters, strict=True):
        if cluster is not None:
            members.setdefault(cluster, set()).add(opening)
    is_near = [cluster is not None and len(members[cluster]) > 1 for cluster in clusters]
    return SplitSummary(
        units=len(dealt.units),
        beginnings=count_bundles(openings),
        clusters=count_bundles(c if near else None for c, near in zip(clusters, is_near, strict=True)),
        groups=count_bundles(groups),
        ungrouped=groups.count(None) if dealt.options.group_by else 0,
        turnover=dealt.turnover,
        labels=table,
        warnings=(*_warn_of_large_units(dealt, side_of), *_warn_of_odd_sides(dealt), *_warn_of_bonds(dealt, side_of)),
    )


def _warn_of_large_units(dealt: Dealt, side_of: Mapping[int, Side]) -> list[str]:
    warnings = []
    for rows in dealt.units:
        if len(rows) > 1 and len(rows) > LARGE_FRACTION * len(dealt.examples):
            reason = explain_unit(rows, dealt.bonds, dealt.options)
            warnings.append(
                f"{len(rows)} of {len(dealt.examples)} rows are all in {side_of[rows[0]]}, because they {reason.text} "
                f"({describe_lines(rows, dealt.examples)}); {reason.remedy}"
            )
    return warnings


def _warn_of_odd_sides(dealt: Dealt) -> list[str]:
    warnings = []
    row_count = len(dealt.examples)
    for side in HELD_OUT:
        fraction: float = getattr(dealt.options.fractions, side)
        target, count = count_target(row_count, fraction), len(dealt.hands[side])
        if abs(count - target) > max(1, TOLERATED_FRACTION * target):
            rows = f"{count} row{'s' if count > 1 else ''}"
            warnings.append(f"{side} has {rows} where {100 * fraction:g}% of all would be {target}")
    return warnings


def _warn_of_bonds(dealt: Dealt, side_of: Mapping[int, Side]) -> list[str]:
    warnings = []
    key = dealt.options.group_by
    if key and not count_bundles(dealt.bonds.groups).number:
        warnings.append(f"no two rows have the same {key}, so that grouping by it keeps nothing together")
    sides: dict[int, set[Side]] = {}
    for row, cluster in enumerate(dealt.bonds.clusters):
        if cluster is not None:
            sides.setdefault(cluster, set()).add(side_of[row])
    parted = sum(len(each) > 1 for each in sides.values())
    if parted:
        clusters = "cluster of near-duplicates stands" if parted == 1 else "clusters of near-duplicates stand"
        warnings.append(f"{parted} {clusters} on several sides, as the earlier split has them; --fresh puts that right")
    return warnings
