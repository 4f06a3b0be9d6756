"""What an engine is told before its first step; on disk between two processes whose libraries differ."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

RANK, ALPHA, BETA = 16, 32, 0.1
"""Of the adapter on every linear layer but the head, and of the preference loss."""


@dataclass(frozen=True)
class Job:
    """`items` come in the order in which they are trained, `batch_size` a step; `learning_rates` has one for each step.

    A row is {"ids": …, "is_target": …}, a pair {"chosen": row, "rejected": row}. `options` are the engine's own.
    """

    model: str
    kind: Literal["sft", "dpo"]
    items: list[dict[str, Any]]
    batch_size: int
    learning_rates: list[float]
    folder: str
    held_out: list[dict[str, Any]] = field(default_factory=list)
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def write(self) -> Path:
        """Into its own folder, which it makes."""
        path = Path(self.folder) / "job.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path


def read_job(path: str) -> Job:
    return Job(**json.loads(Path(path).read_text(encoding="utf-8")))
