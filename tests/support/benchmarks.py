"""Task files of lm-eval with their rows beside them, and what else a benchmark is tested with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CAPITALS = (
    {"country": "France", "choices": ["Paris", "Rome", "Madrid"], "answer": 0},
    {"country": "Italy", "choices": ["Paris", "Rome", "Madrid"], "answer": 1},
    {"country": "Spain", "choices": ["Paris", "Rome", "Madrid"], "answer": 2},
)

SHARES = [
    {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
    {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
]

TO_WRITE = {
    "output_type": "generate_until",
    "doc_to_choice": None,
    "doc_to_target": "{{choices[answer]}}",
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 6},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}
"""What makes a task of choices one whose answers are written."""


def write_task(folder: Path, rows: Sequence[Mapping[str, Any]] = CAPITALS, **changes: Any) -> Path:
    """A task of choices, as JSON, which is YAML too. datasets keeps what it makes of the rows in `folder`."""
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    task = {
        "task": "capitals",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}, "cache_dir": str(folder / "datasets")},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "The capital of {{country}} is",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": SHARES,
    }
    path = folder / "capitals.yaml"
    path.write_text(json.dumps({key: value for key, value in {**task, **changes}.items() if value is not None}))
    return path
