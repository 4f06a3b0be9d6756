"""A run's events are handed to its trackers as numbers; one that fails is left behind, and the training goes on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from luthier.errors import RunInterrupted
from luthier.training.events import RunStarted, StepDone, Validated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from luthier.models.fetch import Announce
    from luthier.training.events import Event, Observer
    from luthier.training.trackers.tracker import Status, TrackedRun, Tracker


@contextmanager
def follow_run(run: TrackedRun, trackers: Mapping[str, Tracker], announce: Announce) -> Iterator[Observer]:
    """Yields what to tell each event. How the block ends is told to the trackers as the status of the run."""
    followers = [_Follower(name, tracker, run, announce) for name, tracker in trackers.items()]

    def observe(event: Event) -> None:
        for follower in followers:
            follower.observe(event)

    status: Status = "failed"
    try:
        yield observe
        status = "succeeded"
    except (RunInterrupted, KeyboardInterrupt):
        status = "interrupted"
        raise
    finally:
        for follower in followers:
            follower.end(status)


class _Follower:
    """One tracker, until it fails or the run has ended."""

    def __init__(self, name: str, tracker: Tracker, run: TrackedRun, announce: Announce) -> None:
        self._name = name
        self._tracker = tracker
        self._run = run
        self._announce = announce
        self._is_following = False

    def observe(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._is_following = True
                self._try(lambda: self._tracker.begin(self._run, event.step))
            case StepDone() | Validated():
                self._try(lambda: self._tracker.log(event.step, _list_values(event)))

    def end(self, status: Status) -> None:
        self._try(lambda: self._tracker.end(status))
        self._is_following = False

    def _try(self, act: Callable[[], None]) -> None:
        if not self._is_following:
            return
        try:
            act()
        except self._tracker.errors as error:
            self._is_following = False
            self._announce(f"warning: {self._name} is told nothing more of this run: {error}")


def _list_values(event: StepDone | Validated) -> dict[str, float]:
    if isinstance(event, Validated):
        return {"validation/loss": event.loss, **{f"validation/{key}": value for key, value in event.metrics.items()}}
    return {
        "train/loss": event.loss,
        "train/accuracy": event.right_fraction,
        "train/learning_rate": event.learning_rate,
        "train/grad_norm": event.grad_norm,
        "train/epoch": event.epoch,
        "train/tokens_per_second": event.tokens_per_second,
    }
