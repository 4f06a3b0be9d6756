"""The columns of a checked file in, what a report says of the file as a whole out, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from luthier.data.answers.forms import Form
from luthier.data.answers.schema import infer_schema
from luthier.data.bars import draw_bars
from luthier.data.finding import cut_text

if TYPE_CHECKING:
    from array import array

    from luthier.data.lint.table import Table

MOST_LABELS = 30
MOST_SYSTEM_PROMPTS = 5

PERCENTILES = {"p1": 1, "p50": 50, "p90": 90, "p99": 99, "longest": 100}


def describe_table(table: Table) -> dict[str, Any]:
    """`answer_schema` is None unless the answers are JSON, `labels` unless they hold labels."""
    answers = table.answers
    forms = {form.name.lower(): answers.count(form) for form in Form}
    return {
        "answer_forms": {name: count for name, count in forms.items() if count},
        "answer_schema": infer_schema(answers.fields.root) if answers.are_json else None,
        "labels": _describe_labels(table),
        "system_prompts": _list_system_prompts(table),
        "prompt_characters": _describe_lengths(answers.prompt_lengths),
        "answer_characters": _describe_lengths(answers.lengths),
        "multi_turn_rows": answers.multi_turn_count,
        "tool_rows": answers.tool_count,
    }


def _describe_labels(table: Table) -> dict[str, Any] | None:
    labels = table.answers.found_labels
    if labels is None:
        return None
    counts = [(label, count) for label, count in labels.counts().most_common() if label is not None]
    return {"field": labels.title, "distinct": len(counts), "counts": dict(counts[:MOST_LABELS])}


def _list_system_prompts(table: Table) -> list[dict[str, Any]]:
    """None of them where they differ from row to row."""
    if not table.systems.is_open:
        return []
    counts = table.systems.counts()
    order = np.argsort(-counts, kind="stable")[:MOST_SYSTEM_PROMPTS]
    return [{"text": cut_text(table.systems.values[code]), "rows": int(counts[code])} for code in order]


def _describe_lengths(lengths: array[int]) -> dict[str, Any]:
    if not lengths:
        return {}
    values = np.percentile(np.asarray(lengths), list(PERCENTILES.values()), method="higher")
    percentiles = {name: int(value) for name, value in zip(PERCENTILES, values, strict=True)}
    return {**percentiles, "histogram": [bar._asdict() for bar in draw_bars(lengths)]}
