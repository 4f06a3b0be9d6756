"""Runs on pairs of answers, on a tiny model: held-out pairs end up in the right order, and a stopped run goes on."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from luthier.data.splits.split import Splits
from luthier.errors import InvalidConfig, RunInterrupted
from luthier.models.loading import load_base
from luthier.tokens.pairs import encode_item
from luthier.training.config import TrainingConfig
from luthier.training.events import StepDone, Validated
from luthier.training.objectives.reference import MARGINS, REFERENCE_FILE
from luthier.training.run import RunOrder, execute_run
from tests.support.preferences import make_preference_splits

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.models.registry import TunedModel
    from luthier.store.home import Home
    from luthier.tokens.encode import EncodedExample
    from luthier.training.events import Event

CONFIG = TrainingConfig(
    method="dpo", epochs=2, batch_size=8, r=4, learning_rate=5e-3, checkpoint_steps=2, precision="float32"
)
FEW = CONFIG.model_copy(update={"batch_size": 4})
FEW_FULL = FEW.model_copy(update={"tuning": "full", "learning_rate": 1e-3})


@pytest.fixture(scope="module")
def splits() -> Splits:
    return make_preference_splits(40)


@pytest.fixture(scope="module")
def few() -> Splits:
    """Three steps an epoch with the settings of `FEW`."""
    return make_preference_splits(16)


def ignore(event: Event) -> None:
    pass


@torch.no_grad()
def sum_answer(model: torch.nn.Module, row: EncodedExample) -> float:
    log_probs = model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
    return sum(float(log_probs[t - 1, token]) for t, token in enumerate(row.ids) if row.is_target[t])


def compute_test_margins(base: Base, splits: Splits, model: TunedModel | None = None) -> list[float]:
    """Of the base, or of the model as it was saved; without any code of training."""
    loaded = load_base(base, precision="float32")
    items = [encode_item(loaded.template, example) for example in splits.test.examples]
    if model is not None:
        loaded.model.load_adapter(str(model.folder))
    return [sum_answer(loaded.model, item.rows[0]) - sum_answer(loaded.model, item.rows[1]) for item in items]


def read_weights(model: TunedModel) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in model.folder.glob("*.safetensors")}


def test_pairs_that_were_held_out_end_up_in_the_right_order(home: Home, tiny_base: Base, splits: Splits) -> None:
    events: list[Event] = []
    order = RunOrder("manners", tiny_base, splits, CONFIG)
    model = execute_run(home, order, observe=events.append)
    before = compute_test_margins(tiny_base, splits)
    after = compute_test_margins(tiny_base, splits, model)
    assert not all(margin > 0 for margin in before)
    assert all(new - old > 1 for new, old in zip(after, before, strict=True))
    validated = [event for event in events if isinstance(event, Validated)]
    assert validated[-1].metrics["right_order_fraction"] == 1
    assert validated[-1].metrics["mean_margin"] > validated[0].metrics["mean_margin"]
    assert model.card.metrics["right_order_fraction"] == 1
    assert (home.runs / order.id / REFERENCE_FILE).exists()


@pytest.mark.parametrize("config", [FEW, FEW_FULL], ids=["adapter", "full"])
def test_a_resumed_run_equals_an_uninterrupted_one_and_reuses_its_reference(
    home: Home, tiny_base: Base, few: Splits, config: TrainingConfig, tmp_path
) -> None:
    order = RunOrder("manners", tiny_base, few, config)
    expected = read_weights(execute_run(home, order, observe=ignore))
    second, told = type(home)(home.settings.model_copy(update={"home": tmp_path / "second"})), []

    def interrupt(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted):
        execute_run(second, order, observe=interrupt, announce=told.append)
    reference = (second.runs / order.id / REFERENCE_FILE).read_bytes()
    assert read_weights(execute_run(second, order, observe=ignore, announce=told.append)) == expected
    assert (second.runs / order.id / REFERENCE_FILE).read_bytes() == reference
    assert len([sentence for sentence in told if sentence.startswith("measuring")]) == 1
    second.database.close()


def test_a_full_model_resumed_without_its_reference_still_compares_with_its_start(
    home: Home, tiny_base: Base, few: Splits
) -> None:
    """Weights that were trained already would give margins of their own, and the loss would begin at log 2 again."""
    order = RunOrder("manners", tiny_base, few, FEW_FULL)

    def interrupt(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted):
        execute_run(home, order, observe=interrupt)
    path = home.runs / order.id / REFERENCE_FILE
    reference = load_file(path)[MARGINS]
    path.unlink()
    execute_run(home, order, observe=ignore)
    assert torch.equal(load_file(path)[MARGINS], reference)  # safetensors writes what else is in it in any order


def test_a_run_that_would_imitate_pairs_is_refused_before_it_is_recorded(
    home: Home, tiny_base: Base, splits: Splits
) -> None:
    order = RunOrder("manners", tiny_base, splits, CONFIG.model_copy(update={"method": "sft"}))
    with pytest.raises(InvalidConfig, match="learns from single answers"):
        execute_run(home, order, observe=ignore)
    assert not (home.runs / order.id).exists()
