"""A split becomes plain text for people, or a document for --json."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from luthier.cli.render import format_table
from luthier.evaluation.wording import phrase_fraction

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.splits.bonds import Bundles
    from luthier.data.splits.split import Splits
    from luthier.data.splits.summary import LabelTable, SplitSummary

LABELS_SHOWN = 20


def describe_split(splits: Splits, folder: Path) -> dict[str, Any]:
    summary = splits.summary.to_json() if splits.summary else {}
    return {"folder": str(folder), "fingerprint": splits.fingerprint, **splits.manifest(), **summary}


def render_split(splits: Splits, folder: Path) -> str:
    counts = {side: len(dataset.examples) for side, dataset in splits.sides.items()}
    total = sum(counts.values())
    rows = [
        (str(folder / f"{side}.jsonl"), f"{count} rows", phrase_fraction(count / total))
        for side, count in counts.items()
    ]
    parts = [format_table(rows)]
    summary = splits.summary
    if summary is not None:
        parts += ["\n".join(_describe_rows(summary, total, splits)), *_render_labels(summary.labels)]
        parts += ["\n".join(f"warning: {warning}" for warning in summary.warnings)] if summary.warnings else []
    return "\n\n".join(parts)


def _describe_rows(summary: SplitSummary, total: int, splits: Splits) -> list[str]:
    lines = []
    if summary.turnover:
        kept, new, removed = summary.turnover
        lines.append(f"{_count(kept, 'row')} of the earlier split stayed on their sides, {new} new, {removed} gone")
    lines.append(f"{_count(total, 'row')} in {_count(summary.units, 'unit')} that are not parted")
    key = splits.origin.options.group_by if splits.origin else ""
    kept_together = (
        (summary.beginnings, "the same prompt or beginning"),
        (summary.clusters, "prompts that nearly say the same"),
        (summary.groups, f"the same {key}"),
    )
    lines += [_describe_bundles(bundles, what) for bundles, what in kept_together if bundles.number]
    if summary.ungrouped:
        lines.append(f"  {_count(summary.ungrouped, 'row')} without {key}, each a group of its own")
    return lines


def _describe_bundles(bundles: Bundles, what: str) -> str:
    return f"  {_count(bundles.number, 'set')} of rows with {what}, {bundles.rows} rows together"


def _render_labels(table: LabelTable | None) -> list[str]:
    """Shares within each side: they should be alike along a line."""
    if table is None:
        return []
    columns: list[Counter[str | None]] = [sum(table.counts.values(), Counter()), *table.counts.values()]
    rows = [(table.title, "all", *table.counts)]
    for label in table.labels[:LABELS_SHOWN]:
        shares = [phrase_fraction(counts[label] / counts.total()) for counts in columns]
        rows.append(("(none)" if label is None else label, *shares))
    hidden = len(table.labels) - LABELS_SHOWN
    return [format_table(rows) + (f"\nand {hidden} more, all of them with --json" if hidden > 0 else "")]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
