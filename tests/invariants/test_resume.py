"""A run that dies anywhere and goes on from its checkpoint ends with the very bits of one that never died."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.models.lora import attach_adapter
from luthier.models.tuning import get_trained_state
from luthier.training.checkpoint import Checkpoints
from luthier.training.config import TrainingConfig
from luthier.training.kernels.attention import choose_attention
from luthier.training.loop import train
from luthier.training.objectives.objective import AnswerLoss
from luthier.training.plan import plan_run
from luthier.training.processes.group import ALONE
from tests.support.chats import make_splits
from tests.support.tiny import CONTEXT_LENGTH, build_model, build_template

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from peft import PeftModel

    from luthier.tokens.pairs import Item
    from luthier.training.events import Event
    from luthier.training.objectives.objective import StepSums
    from luthier.training.plan import Plan

CONFIG = TrainingConfig(
    epochs=2,
    batch_size=4,
    r=4,
    learning_rate=0.02,
    lora_dropout=0.2,
    micro_batch_tokens=100,  # of about 290 in a step, so that gradients are accumulated
    validation_steps=2,
    checkpoint_steps=3,  # now before a validation, now after it
)
CALLS = 40
"""Of the objective in a whole run: 8 steps in four batches each, and 4 validations in two."""


class Death(BaseException):
    """Nothing catches it, as nothing catches a kill."""


class MortalLoss(AnswerLoss):
    """Dies at a call of its own, before anything of that batch is done; 0 for never."""

    def __init__(self, *, last_call: int = 0) -> None:
        super().__init__(shares_prefixes=False)
        self.calls, self.last_call = 0, last_call
        self.died_in = ""

    def sum_loss(self, model: PeftModel, items: Sequence[Item]) -> StepSums:
        self._count("training")
        return super().sum_loss(model, items)

    def measure(self, model: PeftModel, items: Sequence[Item]) -> dict[str, float]:
        self._count("validation")
        return super().measure(model, items)

    def _count(self, place: str) -> None:
        self.calls += 1
        if self.calls == self.last_call:
            self.died_in = place
            raise Death


@pytest.fixture(scope="module")
def plan() -> Plan:
    splits = make_splits()
    return plan_run(build_template(), splits.train, splits.validation, CONFIG, context_length=CONTEXT_LENGTH)


def live(plan: Plan, folder: Path, objective: MortalLoss) -> dict[str, bytes]:
    """One life of a run: from its latest checkpoint to its end, which leaves weights, or to its death."""
    model = build_model()
    model.requires_grad_(False)
    model.set_attn_implementation(choose_attention(model.config))
    adapted = attach_adapter(model, CONFIG, seed=CONFIG.seed)
    train(
        adapted,
        plan,
        CONFIG,
        objective=objective,
        group=ALONE,
        checkpoints=Checkpoints(folder),
        observe=ignore,
        is_stop_wanted=lambda: False,
    )
    return {name: tensor.numpy().tobytes() for name, tensor in get_trained_state(adapted).items()}


def ignore(event: Event) -> None:
    pass


def die(plan: Plan, folder: Path, *, last_call: int) -> str:
    """Where it happened: in training or in validation."""
    objective = MortalLoss(last_call=last_call)
    with pytest.raises(Death):
        live(plan, folder, objective)
    return objective.died_in


@pytest.fixture(scope="module")
def undisturbed(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    objective = MortalLoss()
    weights = live(plan, tmp_path_factory.mktemp("undisturbed"), objective)
    assert objective.calls == CALLS
    return weights


@pytest.mark.parametrize(
    ("last_call", "place"),
    [(6, "training"), (10, "validation"), (20, "validation"), (35, "training"), (CALLS, "validation")],
    ids=[
        "in a step",
        "in a validation",
        "in one after a checkpoint",
        "in a step after a checkpoint",
        "at the very end",
    ],
)
def test_a_run_that_died_once_ends_with_the_same_bits(
    plan: Plan, undisturbed: dict[str, bytes], tmp_path: Path, last_call: int, place: str
) -> None:
    assert die(plan, tmp_path, last_call=last_call) == place
    assert live(plan, tmp_path, MortalLoss()) == undisturbed


def test_a_run_that_dies_in_each_of_its_lives_ends_with_the_same_bits(
    plan: Plan, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """Every life comes a checkpoint further."""
    for _ in range(3):
        die(plan, tmp_path, last_call=15)
    assert live(plan, tmp_path, MortalLoss()) == undisturbed


FORGETTABLE = {
    "the moments": ("luthier.training.checkpoint.set_optimizer_state", lambda optimizer, tensors: None),
    "the weights": ("luthier.training.checkpoint.set_trained_state", lambda model, state: None),
    "the random numbers": ("luthier.training.loop.choose_seed", lambda step, seed, rank: step + 1000),
}


@pytest.mark.parametrize("what", FORGETTABLE)
def test_a_resumed_run_that_has_forgotten_something_would_be_noticed(
    plan: Plan, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    die(plan, tmp_path, last_call=25)
    monkeypatch.setattr(*FORGETTABLE[what])
    assert live(plan, tmp_path, MortalLoss()) != undisturbed
