"""The loop on a tiny model: what it judges and when, what it says, how it ends, and how it goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from luthier.conversation import Conversation, Message
from luthier.errors import RunInterrupted, TrainingDiverged
from luthier.models.tuning import get_trained_state
from luthier.training.checkpoint import Checkpoints
from luthier.training.config import TrainingConfig
from luthier.training.events import Notice, RunEnded, RunStarted, Saved, StepDone, Validated
from luthier.training.loop import train
from luthier.training.objectives.objective import AnswerLoss
from luthier.training.plan import plan_run
from luthier.training.processes.group import ALONE
from tests.support.chats import make_splits
from tests.support.tiny import CONTEXT_LENGTH, build_adapted_model, build_template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from luthier.data.dataset import Dataset
    from luthier.models.tuning import TrainedModel
    from luthier.tokens.pairs import Item
    from luthier.training.checkpoint import Progress
    from luthier.training.events import Event
    from luthier.training.objectives.objective import StepSums

CONFIG = TrainingConfig(epochs=3, batch_size=4, learning_rate=1e-2, checkpoint_steps=3)
STEPS = 12


class Trial:
    """One run, and a second one from its checkpoints: `go` trains on and returns the events."""

    def __init__(self, folder: Path, config: TrainingConfig, *, validation: Dataset | None = None) -> None:
        splits = make_splits()
        self.config = config
        self.plan = plan_run(
            build_template(), splits.train, validation or splits.validation, config, context_length=CONTEXT_LENGTH
        )
        self.checkpoints = Checkpoints(folder / "checkpoints")
        self.model: TrainedModel
        self.progress: Progress

    def go(
        self,
        *,
        objective: AnswerLoss | None = None,
        stop_after: int | None = None,
        look: Callable[[Event], None] = lambda event: None,
    ) -> list[Event]:
        events: list[Event] = []

        def observe(event: Event) -> None:
            events.append(event)
            look(event)

        self.model = build_adapted_model()
        try:
            self.progress = train(
                self.model,
                self.plan,
                self.config,
                objective=objective or AnswerLoss(shares_prefixes=False),
                group=ALONE,
                checkpoints=self.checkpoints,
                observe=observe,
                is_stop_wanted=lambda: any(isinstance(e, StepDone) and e.step == stop_after for e in events),
            )
        except RunInterrupted:
            assert stop_after is not None
        return events

    def collect_weights(self) -> torch.Tensor:
        return torch.cat([tensor.flatten() for tensor in get_trained_state(self.model).values()])


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Trial]:
    def build(name: str = "run", *, validation: Dataset | None = None, **settings: Any) -> Trial:
        return Trial(tmp_path / name, CONFIG.model_copy(update=settings), validation=validation)

    return build


def pick(events: Sequence[Event], kind: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def contradict(dataset: Dataset) -> Dataset:
    """Answers that each step of training makes less likely."""
    examples = tuple(
        replace(row, conversation=Conversation((*row.conversation.prompt, Message("assistant", "9876543210"))))
        for row in dataset.examples
    )
    return replace(dataset, examples=examples)


class NarrowLoss(AnswerLoss):
    """Of a machine whose memory gets narrow after some batches."""

    def __init__(self, *, roomy_batches: int, limit: int) -> None:
        super().__init__(shares_prefixes=False)
        self._left = roomy_batches
        self._limit = limit

    def sum_loss(self, model: TrainedModel, items: Sequence[Item]) -> StepSums:
        self._left -= 1
        if self._left < 0 and sum(item.token_count for item in items) > self._limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().sum_loss(model, items)


class LostLoss(AnswerLoss):
    """Climbs far above its start after some batches."""

    def __init__(self, *, sound_batches: int, factor: float) -> None:
        super().__init__(shares_prefixes=False)
        self._left = sound_batches
        self._factor = factor

    def sum_loss(self, model: TrainedModel, items: Sequence[Item]) -> StepSums:
        self._left -= 1
        sums = super().sum_loss(model, items)
        return sums if self._left >= 0 else sums._replace(loss=sums.loss * self._factor)


def test_a_run_is_told_in_order_and_learns(start: Callable[..., Trial]) -> None:
    trial = start()
    events = trial.go()
    assert isinstance(events[0], RunStarted)
    assert [event.step for event in pick(events, StepDone)] == list(range(1, STEPS + 1))
    assert [event.step for event in pick(events, Validated)] == [2, 4, 6, 8, 10, 12]
    assert pick(events, StepDone)[-1].loss < pick(events, StepDone)[0].loss
    assert events[-1] == RunEnded(STEPS, trial.progress.best_step, trial.progress.best_loss)
    assert pick(events, StepDone)[0].right_fraction < pick(events, StepDone)[-1].right_fraction <= 1
    assert set(pick(events, Validated)[0].metrics) == {"exact_answer_fraction", "right_token_fraction"}


@pytest.mark.parametrize(("every", "expected"), [(5, [5, 10, 12]), (100, [12]), (1, list(range(1, 13)))])
def test_validations_come_as_often_as_asked_and_in_the_end(
    start: Callable[..., Trial], every: int, expected: list[int]
) -> None:
    events = start(validation_steps=every).go()
    assert [event.step for event in pick(events, Validated)] == expected


def test_the_weights_that_stay_are_those_of_the_best_validation(start: Callable[..., Trial]) -> None:
    trial = start(validation=contradict(make_splits().validation), learning_rate=0.05, epochs=8)
    events = trial.go()
    losses = {event.step: event.loss for event in pick(events, Validated)}
    best = min(losses, key=lambda step: losses[step])
    assert trial.progress.best_step == best < max(losses)
    kept = trial.collect_weights()
    trial.checkpoints.restore_weights(trial.model, best)
    assert torch.equal(trial.collect_weights(), kept)
    message = f"validation loss rose from step {best} while training loss fell: kept step {best}"
    assert [event.message for event in pick(events, Notice)] == [message]


def test_patience_ends_a_run_that_does_not_get_better(start: Callable[..., Trial]) -> None:
    trial = start(validation=contradict(make_splits().validation), learning_rate=0.05, epochs=9, patience=2)
    events = trial.go()
    validated = pick(events, Validated)
    assert [event.is_best for event in validated[-3:]] == [True, False, False]
    last = validated[-1].step
    assert last == trial.progress.step < 36
    assert pick(events, Notice)[0].message == (
        f"stopped early after step {last}: no better validation loss in the last 2 validations"
    )
    again = trial.go()
    assert pick(again, StepDone) == []
    assert again[-1] == events[-1]


@pytest.mark.parametrize("stop_after", [1, 3, 7])
def test_a_run_that_was_stopped_ends_with_the_same_bits(start: Callable[..., Trial], stop_after: int) -> None:
    whole, halved = start("whole"), start("halved")
    expected = whole.go()
    first = halved.go(stop_after=stop_after)
    second = halved.go()
    assert (second[0].step, pick(first, StepDone)[-1].step) == (stop_after, stop_after)
    assert torch.equal(halved.collect_weights(), whole.collect_weights())
    assert [e.loss for e in pick(first, StepDone) + pick(second, StepDone)] == [
        e.loss for e in pick(expected, StepDone)
    ]
    assert replace(halved.progress, seconds=0.0) == replace(whole.progress, seconds=0.0)


def test_a_run_that_ends_without_warning_goes_on_from_its_last_checkpoint(start: Callable[..., Trial]) -> None:
    whole, killed = start("whole"), start("killed")
    whole.go()

    class Killed(BaseException):
        pass

    def kill(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 8:
            raise Killed

    with pytest.raises(Killed):
        killed.go(look=kill)
    assert killed.go()[0] == RunStarted(6, STEPS)
    assert torch.equal(killed.collect_weights(), whole.collect_weights())


def test_steps_that_are_drawn_otherwise_after_a_stop_would_be_noticed(
    start: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, halved = start("whole"), start("halved")
    whole.go()
    halved.go(stop_after=5)
    monkeypatch.setattr("luthier.training.loop.choose_examples", lambda step, count, config: range(config.batch_size))
    halved.go()
    assert not torch.equal(halved.collect_weights(), whole.collect_weights())


def test_a_damaged_checkpoint_costs_only_the_steps_since_the_one_before(
    start: Callable[..., Trial], tmp_path: Path
) -> None:
    whole, halved = start("whole"), start("halved")
    whole.go()
    halved.go(stop_after=7)
    torn = tmp_path / "halved" / "checkpoints" / "step-00000007" / "optimizer.safetensors"
    torn.write_bytes(torn.read_bytes()[:-1])
    events = halved.go()
    assert events[0] == RunStarted(6, STEPS)
    assert pick(events, Notice)[0].message == (
        "checkpoint step-00000007 cannot be used: optimizer.safetensors does not match its checksum"
    )
    assert torch.equal(halved.collect_weights(), whole.collect_weights())


def test_a_lack_of_memory_is_told_and_the_run_goes_on_with_smaller_batches(start: Callable[..., Trial]) -> None:
    roomy, narrow = start("roomy"), start("narrow")
    expected = roomy.go()
    events = narrow.go(objective=NarrowLoss(roomy_batches=5, limit=200))
    (notice,) = pick(events, Notice)
    assert notice.step == 6
    assert notice.message.startswith("out of memory: from now on at most ")
    assert narrow.progress.token_budget <= 200
    losses, wanted = ([event.loss for event in pick(each, StepDone)] for each in (events, expected))
    assert losses == pytest.approx(wanted, rel=1e-3)


def test_a_run_that_goes_on_remembers_how_little_fits(start: Callable[..., Trial]) -> None:
    whole, halved = start("whole"), start("halved")
    whole.go(objective=NarrowLoss(roomy_batches=0, limit=200))
    halved.go(objective=NarrowLoss(roomy_batches=0, limit=200), stop_after=5)
    second = halved.go(objective=NarrowLoss(roomy_batches=0, limit=200))
    assert pick(second, Notice) == []
    assert torch.equal(halved.collect_weights(), whole.collect_weights())


def test_a_loss_that_climbs_far_above_its_start_ends_the_run(start: Callable[..., Trial]) -> None:
    trial = start(epochs=8)
    events: list[Event] = []
    with pytest.raises(TrainingDiverged, match="far above the") as caught:
        trial.go(objective=LostLoss(sound_batches=10, factor=20.0), look=events.append)
    assert pick(events, StepDone)[-1].step == 18
    assert "--set learning_rate=0.002" in caught.value.hint


def test_a_loss_that_is_no_number_ends_the_run_at_once(start: Callable[..., Trial]) -> None:
    events: list[Event] = []
    with pytest.raises(TrainingDiverged, match="is not a finite number"):
        start().go(objective=LostLoss(sound_batches=4, factor=float("nan")), look=events.append)
    assert pick(events, StepDone)[-1].step == 4


def test_the_last_weights_stay_when_that_is_asked(start: Callable[..., Trial]) -> None:
    settings = {"learning_rate": 0.05, "epochs": 8, "validation": contradict(make_splits().validation)}
    best, last = start("best", **settings), start("last", keeps="last", **settings)
    best.go()
    events = last.go()
    assert last.progress.best_step == best.progress.best_step < last.plan.total_steps
    assert not torch.equal(last.collect_weights(), best.collect_weights())
    kept = last.collect_weights()
    last.checkpoints.restore_weights(last.model, last.plan.total_steps)
    assert torch.equal(last.collect_weights(), kept)
    assert events[-1].kept_step == last.plan.total_steps
    assert f"although step {best.progress.best_step} was better" in pick(events, Notice)[0].message


def test_a_checkpoint_is_told_of_when_it_lies_on_the_disk(start: Callable[..., Trial]) -> None:
    trial = start(checkpoint_steps=5, keeps="last", kept_epochs=1)
    events = trial.go()
    assert [event.step for event in pick(events, Saved)] == [5, 8, 10, 12]
