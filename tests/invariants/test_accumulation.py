"""A step of four rows is the same step in four batches as in one, however unlike the lengths of their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from luthier.conversation import Conversation, Message
from luthier.tokens.encode import EncodedExample, encode_conversation
from luthier.training.config import TrainingConfig
from luthier.training.learner import Learner
from luthier.training.objectives.objective import AnswerLoss
from tests.support.tiny import KINDS, build_adapted_model, build_template

if TYPE_CHECKING:
    from peft import PeftModel

    from tests.support.tiny import Kind

ANSWERS = ("no", "a sentence of some length", "x", "an answer that is a good deal longer than the three others")
AT_ONCE, ONE_BY_ONE = 10_000, 1


@pytest.fixture(scope="module")
def rows() -> list[EncodedExample]:
    template = build_template()
    return [
        encode_conversation(template, Conversation((Message("user", f"{i}?"), Message("assistant", answer))))
        for i, answer in enumerate(ANSWERS)
    ]


def build_learner(model: PeftModel, token_budget: int) -> Learner:
    config = TrainingConfig(micro_batch_tokens=token_budget, learning_rate=0.1, max_grad_norm=1e-3)
    return Learner(model, config, objective=AnswerLoss(shares_prefixes=True))


def compute_gradients(model: PeftModel, rows: list[EncodedExample], token_budget: int) -> torch.Tensor:
    build_learner(model, token_budget).accumulate_gradients(rows)
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def find_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Relative, in the Euclidean norm."""
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("kind", KINDS)
def test_four_batches_of_one_row_give_the_gradient_of_one_batch_of_four(rows: list[EncodedExample], kind: Kind) -> None:
    at_once = compute_gradients(build_adapted_model(torch.float64, kind=kind), rows, AT_ONCE)
    one_by_one = compute_gradients(build_adapted_model(torch.float64, kind=kind), rows, ONE_BY_ONE)
    assert find_error(one_by_one, at_once) < 1e-6


def test_they_take_the_same_step(rows: list[EncodedExample]) -> None:
    """With gradients that are clipped, which the norm of a single batch would do otherwise."""
    results, weights = [], []
    for token_budget in (AT_ONCE, ONE_BY_ONE):
        model = build_adapted_model(torch.float64)
        result = build_learner(model, token_budget).take_step(rows, learning_rate=0.1)
        results.append(result)
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters() if p.requires_grad]))
    assert results[1] == pytest.approx(results[0], rel=1e-6)
    assert find_error(weights[1], weights[0]) < 1e-6


def test_a_mean_of_the_batches_means_would_be_noticed(rows: list[EncodedExample]) -> None:
    """Each batch divided by its own targets instead of the step's: what short answers then weigh too much."""
    expected = compute_gradients(build_adapted_model(torch.float64), rows, AT_ONCE)
    model = build_adapted_model(torch.float64)
    learner = build_learner(model, AT_ONCE)
    for row in rows:
        learner.accumulate_gradients([row])
    found = torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad]) / len(rows)
    assert find_error(found, expected) > 1e-2
