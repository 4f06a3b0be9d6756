"""Runs on a tiny model: what they leave behind, how they stop, and how they go on."""

from __future__ import annotations

import fcntl
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from safetensors.torch import load_file

from luthier.conversation import Conversation, Message
from luthier.errors import RunInterrupted, RunNotResumable, StoreDamaged, TrainingDiverged
from luthier.models.registry import find_model
from luthier.store.catalog import find_artefact, get_run
from luthier.store.inventory import describe_kept
from luthier.training.config import TrainingConfig
from luthier.training.events import EventLog, RunEnded, StepDone, Validated
from luthier.training.keeping import find_finished, find_run_models
from luthier.training.ledger import read_ledger
from luthier.training.resumption import rebuild_order
from luthier.training.run import RunOrder, execute_run
from tests.support.chats import make_splits

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.store.home import Home
    from luthier.training.events import Event

CONFIG = TrainingConfig(epochs=3, batch_size=4, r=2, learning_rate=1e-2, lora_dropout=0.1, checkpoint_steps=3)


@pytest.fixture
def order(tiny_base: Base) -> RunOrder:
    return RunOrder("colours", tiny_base, make_splits(), CONFIG)


def ignore(event: Event) -> None:
    pass


def read_weights(home: Home) -> dict[str, list[float]]:
    tensors = load_file(home.models / "colours" / "adapter_model.safetensors")
    return {name: tensor.flatten().tolist() for name, tensor in tensors.items()}


def test_a_run_leaves_a_model_a_card_and_its_lineage(home: Home, order: RunOrder) -> None:
    events: list[Event] = []
    model = execute_run(home, order, observe=events.append)
    assert find_model(home, "colours").card == model.card == find_finished(home, order).card
    assert model.card.system_prompt == "Name the colour."
    assert model.card.trained_on == {row.prompt_fingerprint for row in order.splits.train.examples}
    assert not model.card.trained_on & {row.prompt_fingerprint for row in order.splits.test.examples}
    assert [a["kind"] for a in describe_kept(home.database, "colours")["lineage"]] == ["run", "splits"]
    assert get_run(home.database, order.id).status == "succeeded"
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [step.step for step in steps] == list(range(1, 13))
    assert steps[-1].loss < steps[0].loss
    assert [event.step for event in events if isinstance(event, Validated)] == [2, 4, 6, 8, 10, 12]


def test_the_splits_can_be_read_back_from_the_store(home: Home, order: RunOrder) -> None:
    execute_run(home, order, observe=ignore)
    splits = find_artefact(home.database, "chats")
    assert home.blobs.get(splits.manifest["train"]["blob"]).count(b"\n") == len(order.splits.train.examples)


def test_the_best_checkpoint_is_the_one_that_is_kept(home: Home, tiny_base: Base) -> None:
    """The validation rows answer otherwise than the training rows, so each epoch makes them less likely."""
    splits = make_splits()
    contrary = tuple(
        replace(row, conversation=Conversation((*row.conversation.prompt, Message("assistant", "9876543210"))))
        for row in splits.validation.examples
    )
    splits = replace(splits, validation=replace(splits.validation, examples=contrary))
    order = RunOrder("colours", tiny_base, splits, CONFIG.model_copy(update={"learning_rate": 0.05, "epochs": 12}))
    model = execute_run(home, order, observe=ignore)
    rows = EventLog(home.runs / order.id / "metrics.jsonl").read()
    losses = {row["step"]: row["loss"] for row in rows if row["event"] == "validation"}
    best = min(losses, key=lambda step: losses[step])
    assert best != max(losses)
    assert (model.card.metrics["best_step"], model.card.metrics["validation_loss"]) == (best, losses[best])
    kept = load_file(home.runs / order.id / "checkpoints" / f"step-{best:08d}" / "trained.safetensors")
    assert read_weights(home) == {name: tensor.flatten().tolist() for name, tensor in kept.items()}


@pytest.mark.parametrize("stop_after", [1, 3, 4, 11])
def test_a_resumed_run_equals_an_uninterrupted_one(home: Home, order: RunOrder, stop_after: int, tmp_path) -> None:
    execute_run(home, order, observe=ignore)
    expected = read_weights(home)
    second = type(home)(home.settings.model_copy(update={"home": tmp_path / "second"}))

    def interrupt(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == stop_after:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted, match=f"stopped after step {stop_after} of 12"):
        execute_run(second, order, observe=interrupt)
    assert get_run(second.database, order.id).status == "interrupted"
    events: list[Event] = []
    execute_run(second, order, observe=events.append)
    assert (events[0].kind, events[0].step) == ("started", stop_after)
    assert read_weights(second) == expected
    rows = EventLog(second.runs / order.id / "metrics.jsonl").read()
    assert [row["step"] for row in rows if row["event"] == "step"] == list(range(1, 13))
    second.database.close()


def test_a_checkpoint_that_forgot_the_optimizer_would_be_noticed(
    home: Home, order: RunOrder, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    execute_run(home, order, observe=ignore)
    expected = read_weights(home)
    second = type(home)(home.settings.model_copy(update={"home": tmp_path / "second"}))

    def interrupt(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted):
        execute_run(second, order, observe=interrupt)
    monkeypatch.setattr("luthier.training.checkpoint.set_optimizer_state", lambda optimizer, tensors: None)
    execute_run(second, order, observe=ignore)
    assert read_weights(second) != expected
    second.database.close()


def lengthen(order: RunOrder) -> RunOrder:
    """The first training row becomes longer than the tiny model's context; the settings say to leave it out."""
    first, *others = order.splits.train.examples
    long = Conversation((*first.conversation.prompt, Message("assistant", "y" * 2000)))
    train = replace(order.splits.train, examples=(replace(first, conversation=long), *others))
    config = order.config.model_copy(update={"overlong": "drop"})
    return replace(order, splits=replace(order.splits, train=train), config=config)


def test_rows_that_are_left_out_are_announced_and_kept_with_the_run(home: Home, order: RunOrder) -> None:
    order, told = lengthen(order), []
    dropped, *used = order.splits.train.examples
    card = execute_run(home, order, observe=ignore, announce=told.append).card
    (sentence,) = told
    assert sentence.startswith(f"left out 1 of {len(used) + 1} train rows, longer than 1024 tokens")
    ledger = read_ledger(home.runs / order.id)
    assert [(row.line, row.fingerprint) for row in ledger.train.dropped] == [(dropped.line, dropped.fingerprint)]
    assert (ledger.train.rows, ledger.validation.rows) == (len(used), len(order.splits.validation.examples))
    assert card.rows == ledger.summarise() == find_artefact(home.database, order.id).manifest["rows"]
    assert card.rows["train"]["dropped"] == 1
    assert card.trained_on == {row.prompt_fingerprint for row in used}
    assert "of which 1 were too long and left out" in (home.models / "colours" / "README.md").read_text()


def test_a_run_that_leaves_rows_out_equals_one_without_them_and_can_be_resumed(
    home: Home, order: RunOrder, tmp_path
) -> None:
    order = lengthen(order)
    train = replace(order.splits.train, examples=order.splits.train.examples[1:])
    execute_run(home, replace(order, splits=replace(order.splits, train=train)), observe=ignore)
    expected = read_weights(home)
    second = type(home)(home.settings.model_copy(update={"home": tmp_path / "second"}))

    def interrupt(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted):
        execute_run(second, order, observe=interrupt)
    kept = (second.runs / order.id / "rows.json").read_text()
    execute_run(second, order, observe=ignore)
    assert read_weights(second) == expected
    assert (second.runs / order.id / "rows.json").read_text() == kept
    second.database.close()


def test_two_processes_cannot_train_one_run(home: Home, order: RunOrder) -> None:
    folder = home.runs / order.id
    folder.mkdir()
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RunNotResumable, match="trained by another process"):
            execute_run(home, order, observe=ignore)


def test_a_loss_that_is_no_number_ends_the_run_with_its_cause(home: Home, tiny_base: Base) -> None:
    config = CONFIG.model_copy(update={"learning_rate": 1.0, "max_grad_norm": 1e30, "lora_alpha": 10**20})
    order = RunOrder("colours", tiny_base, make_splits(), config)
    with pytest.raises(TrainingDiverged, match="is not a finite number") as caught:
        execute_run(home, order, observe=ignore)
    assert "--set learning_rate=0.2" in caught.value.hint
    assert get_run(home.database, order.id).status == "failed"
    assert find_finished(home, order) is None


def test_orders_differ_by_everything_that_changes_the_weights(tiny_base: Base) -> None:
    orders = [
        RunOrder("a", tiny_base, make_splits(), CONFIG),
        RunOrder("b", tiny_base, make_splits(), CONFIG),
        RunOrder("a", tiny_base, make_splits(19), CONFIG),
        RunOrder("a", tiny_base, make_splits(), CONFIG.model_copy(update={"seed": 1})),
        RunOrder("a", tiny_base, make_splits(), CONFIG.model_copy(update={"overlong": "drop"})),
    ]
    assert len({order.id for order in orders}) == 5
    assert len({order.identity for order in orders}) == 4


def test_epochs_before_the_last_can_leave_models_of_their_own(home: Home, order: RunOrder) -> None:
    order = replace(order, config=CONFIG.model_copy(update={"keeps": "last", "kept_epochs": 2}))
    own = execute_run(home, order, observe=ignore)
    models = find_run_models(home, order)
    assert models is not None
    assert models.own.name == own.name == "colours"
    assert [model.card.snapshot_step for model in models.snapshots] == [4, 8]
    assert [model.name for model in models.snapshots] == ["colours-step-4", "colours-step-8"]
    assert len({model.card.weights_hash for model in (own, *models.snapshots)}) == 3
    rows = EventLog(home.runs / order.id / "metrics.jsonl").read()
    losses = {row["step"]: row["loss"] for row in rows if row["event"] == "validation"}
    assert [m.card.metrics["validation_loss"] for m in (*models.snapshots, own)] == [losses[s] for s in (4, 8, 12)]
    shorter = replace(order, name="shorter", config=CONFIG.model_copy(update={"keeps": "last"}))
    assert own.card.weights_hash == execute_run(home, shorter, observe=ignore).card.weights_hash


def test_a_snapshot_s_weights_are_those_of_its_step(home: Home, order: RunOrder) -> None:
    order = replace(order, config=CONFIG.model_copy(update={"keeps": "last", "kept_epochs": 1}))
    execute_run(home, order, observe=ignore)
    saved = load_file(home.models / "colours-step-8" / "adapter_model.safetensors")
    kept = load_file(home.runs / order.id / "checkpoints" / "step-00000008" / "trained.safetensors")
    assert {name: tensor.tolist() for name, tensor in saved.items()} == {k: t.tolist() for k, t in kept.items()}


def test_a_run_without_validation_rows_keeps_its_last_weights(home: Home, order: RunOrder) -> None:
    splits = replace(order.splits, validation=replace(order.splits.validation, examples=()), origin=None)
    order = replace(order, splits=splits)
    events: list[Event] = []
    model = execute_run(home, order, observe=events.append)
    assert not any(isinstance(event, Validated) for event in events)
    assert events[-1] == RunEnded(12, 12, None)
    assert model.card.metrics["best_step"] == 12
    assert "validation_loss" not in model.card.metrics
    assert "training answers" in model.card.proof["output_changed"]["detail"]
    assert rebuild_order(home, order.id).splits.validation.examples == ()


def test_a_run_can_go_on_from_another_run_s_adapter(home: Home, order: RunOrder) -> None:
    first = execute_run(home, order, observe=ignore)
    second = replace(order, name="further", start=first)
    events: list[Event] = []
    model = execute_run(home, second, observe=events.append)
    losses = [event.loss for event in events if isinstance(event, StepDone)]
    begun = EventLog(home.runs / order.id / "metrics.jsonl").read()
    assert losses[0] < next(row["loss"] for row in begun if row["event"] == "step")
    assert model.card.weights_hash != first.card.weights_hash
    assert second.id != replace(second, start=None).id
    assert rebuild_order(home, second.id).start == first


def test_an_adapter_that_is_not_the_one_of_its_card_is_not_gone_on_from(home: Home, order: RunOrder) -> None:
    first = execute_run(home, order, observe=ignore)
    other = replace(first, card=first.card.model_copy(update={"weights_hash": "0" * 64}))
    with pytest.raises(StoreDamaged, match="are not those of its card"):
        execute_run(home, replace(order, name="further", start=other), observe=ignore)
