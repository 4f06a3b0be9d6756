"""What happens in a run, as records: the loop emits them, a log keeps them, a screen shows them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from luthier.errors import StoreDamaged
from luthier.store.files import translate_disk_errors, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunStarted:
    """`step` is above 0 when a run goes on from a checkpoint."""

    kind: ClassVar[str] = "started"
    step: int
    total_steps: int


@dataclass(frozen=True, slots=True)
class StepDone:
    """`loss` is in nats per target token of an answer, or per pair; `tokens` counts those of the step's rows.

    `right_fraction` is of the targets: tokens than which the model found none likelier, or pairs that it had in order.
    """

    kind: ClassVar[str] = "step"
    step: int
    total_steps: int
    epoch: float
    loss: float
    right_fraction: float
    learning_rate: float
    grad_norm: float
    tokens: int
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds


@dataclass(frozen=True, slots=True)
class Validated:
    """`metrics` are what the objective can tell besides its loss, such as the share of answers that are exact."""

    kind: ClassVar[str] = "validation"
    step: int
    loss: float
    is_best: bool
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint lies on the disk, from which the run can go on after `step` steps."""

    kind: ClassVar[str] = "saved"
    step: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for whoever looks on: what the run decided by itself after `step` steps, and why."""

    kind: ClassVar[str] = "notice"
    step: int
    message: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """`kept_step` is the one whose weights are kept; its `validation_loss` is None where nothing was validated."""

    kind: ClassVar[str] = "ended"
    step: int
    kept_step: int
    validation_loss: float | None


Event = RunStarted | StepDone | Validated | Saved | Notice | RunEnded
if TYPE_CHECKING:
    Observer = Callable[[Event], None]


class EventLog:
    """metrics.jsonl: one JSON object per event, with its kind under "event"."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, event: Event) -> None:
        row = {"event": event.kind, **asdict(event)}
        with translate_disk_errors(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """All complete lines; the last one may be cut short by a kill and is then left out."""
        if not self._path.exists():
            return []
        lines = self._path.read_text(encoding="utf-8").split("\n")
        try:
            return [json.loads(line) for line in lines[:-1]]
        except json.JSONDecodeError as error:
            raise StoreDamaged(f"{self._path} is damaged: {error}", hint="delete the run's folder") from error

    def rewind(self, step: int) -> None:
        """Forgets what came after a checkpoint, since that will be done and logged once more.

        A checkpoint is written when its step is done and judged; what was said of that step later goes as well.
        """
        rows = [row for row in self.read() if row["step"] <= step]
        while rows and rows[-1]["event"] not in (StepDone.kind, Validated.kind):
            rows.pop()
        write_atomic(self._path, "".join(f"{json.dumps(row)}\n" for row in rows))
