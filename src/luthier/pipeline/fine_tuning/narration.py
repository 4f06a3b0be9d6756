"""What happens in a run becomes the events of its job, in OpenAI's words, and where the job is and when it will end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.pipeline.fine_tuning.metrics import build_metrics
from luthier.training.events import Notice, RunStarted, Saved, StepDone, Validated
from luthier.training.schedule import is_validation_due

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from luthier.jobs.hold import Hold
    from luthier.training.config import TrainingConfig
    from luthier.training.events import Event
    from luthier.training.plan import Plan

STEPS_BEFORE_FORECAST = 2
"""The first step is slower than those after it."""

SECONDS_BETWEEN_NOTES = 5.0
"""Each is a write to the database; a forecast need not be younger."""


class Narrator:
    """What is told of a step when it is done a second time is the same, and stands once. Raises LeaseLost."""

    def __init__(self, hold: Hold, plan: Plan, config: TrainingConfig, *, clock: Callable[[], datetime]) -> None:
        self._hold = hold
        self._plan = plan
        self._config = config
        self._clock = clock
        self._first_step = 0
        self._started_at = self._noted_at = clock()
        self._untold: StepDone | None = None

    def observe(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._first_step, self._started_at = event.step, self._clock()
            case StepDone() if self._is_judged(event):
                self._untold = event
            case StepDone():
                self._tell(event, None)
                self._note(event.step)
            case Validated() if self._untold:
                self._tell(self._untold, event)
                self._note(event.step)
                self._untold = None
            case Saved():
                self._hold.note_step(event.step, estimated_finish=self._forecast(event.step), is_saved=True)
            case Notice():
                self.announce(event.message)

    def announce(self, sentence: str) -> None:
        """To whoever owns the job, once however often it is said."""
        self._hold.add_event("warn", sentence, id_from=f"notice-{sentence}")

    def _is_judged(self, done: StepDone) -> bool:
        is_due = is_validation_due(done.step, self._plan.steps_per_epoch, self._config)
        return bool(self._plan.validation) and (is_due or done.step == done.total_steps)

    def _tell(self, done: StepDone, validated: Validated | None) -> None:
        method = self._config.method
        metrics = build_metrics(done, validated, method=method, steps_per_epoch=self._plan.steps_per_epoch)
        data = {**metrics.to_json(method), "total_steps": done.total_steps}
        self._hold.add_event("info", metrics.describe(), type="metrics", data=data, id_from=f"step-{done.step}")

    def _note(self, step: int) -> None:
        now = self._clock()
        if (now - self._noted_at).total_seconds() >= SECONDS_BETWEEN_NOTES:
            self._noted_at = now
            self._hold.note_step(step, estimated_finish=self._forecast(step))

    def _forecast(self, step: int) -> datetime | None:
        """By the pace of this attempt, with its validations and all else that it waits for."""
        done = step - self._first_step
        if done < STEPS_BEFORE_FORECAST:
            return None
        now = self._clock()
        return now + (now - self._started_at) / done * (self._plan.total_steps - step)
