"""Packing, sharing and accumulation are ways to compute the same numbers.

The reference is stock transformers and PEFT: one row at a time, no packing, logits at every position. Rotary angles are
float32 in transformers whatever the model's precision, and norms are computed in it, so float64 cannot be met exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch.nn.functional import cross_entropy

from luthier.conversation import Conversation, Message
from luthier.tokens.encode import EncodedExample, encode_conversation
from luthier.training.config import TrainingConfig
from luthier.training.kernels.install import install_kernels
from luthier.training.learner import Learner
from luthier.training.objectives.objective import AnswerLoss
from tests.support.tiny import KINDS, build_adapted_model, build_template

if TYPE_CHECKING:
    from peft import PeftModel

SYSTEM = "Count the things."
TURNS = [
    ("2 lamps", '{"n":2}'),
    ("a cup and three forks, please", '{"n":4,"ok":true}'),
    ("hi", "no"),
    ("x", "y"),
    ("x", "y"),
]
BOUNDS = {torch.float32: 5e-6, torch.float64: 1e-6}
ONE_BATCH = 10_000


@pytest.fixture(scope="module")
def examples() -> list[EncodedExample]:
    """Some alone, some behind one system prompt, some behind a history of which every answer is trained."""
    alone = [Conversation((Message("user", ask), Message("assistant", say))) for ask, say in TURNS]
    system = Message("system", SYSTEM)
    prompted = [Conversation((system, *conversation.messages)) for conversation in alone]
    history = prompted[1].messages
    longer = [Conversation((*history, *conversation.messages)) for conversation in alone]
    template = build_template()
    return [encode_conversation(template, each) for each in (*alone, *prompted, *longer)]


def build_learner(
    dtype: torch.dtype, kind: str = "llama", *, shares_prefixes: bool = True, is_fast: bool = True, token_budget: int
) -> Learner:
    model = build_adapted_model(dtype, kind=kind)
    if is_fast:
        install_kernels(model)
    config = TrainingConfig(micro_batch_tokens=token_budget)
    return Learner(model, config, objective=AnswerLoss(shares_prefixes=shares_prefixes))


def compute_reference(model: PeftModel, examples: list[EncodedExample]) -> tuple[float, dict[str, torch.Tensor]]:
    model.set_attn_implementation("sdpa")
    total = torch.zeros((), dtype=model.dtype)
    for example in examples:
        ids = torch.tensor([example.ids])
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, :-1]
        labels = torch.where(torch.tensor(example.is_target), ids[0], -100)[1:]
        total = total + cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
    loss = total / sum(example.target_count for example in examples)
    loss.backward()
    return float(loss.detach()), collect_gradients(model)


def collect_gradients(model: PeftModel) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad}


def find_worst_error(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """Of all tensors, relative to each one's own length."""
    assert found.keys() == expected.keys()
    return max(float((found[name] - grad).norm() / grad.norm()) for name, grad in expected.items())


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shares_prefixes", [True, False], ids=["tree", "packed"])
@pytest.mark.parametrize("is_fast", [True, False], ids=["kernels", "library"])
def test_gradients_are_those_of_single_rows(
    examples: list[EncodedExample], kind: str, dtype: torch.dtype, shares_prefixes: bool, is_fast: bool
) -> None:
    expected_loss, expected = compute_reference(build_adapted_model(dtype, kind=kind), examples)
    learner = build_learner(dtype, kind, shares_prefixes=shares_prefixes, is_fast=is_fast, token_budget=ONE_BATCH)
    assert learner.accumulate_gradients(examples).loss == pytest.approx(expected_loss, rel=1e-6)
    assert find_worst_error(collect_gradients(learner.model), expected) < BOUNDS[dtype]


@pytest.mark.parametrize("token_budget", [200, 60, 1], ids=["some batches", "many batches", "one row each"])
def test_accumulated_gradients_are_those_of_one_batch(examples: list[EncodedExample], token_budget: int) -> None:
    """With uneven numbers of targets, which a mean over batches would weigh wrongly."""
    whole = build_learner(torch.float64, token_budget=ONE_BATCH)
    parts = build_learner(torch.float64, token_budget=token_budget)
    assert parts.accumulate_gradients(examples) == pytest.approx(whole.accumulate_gradients(examples), rel=1e-7)
    assert find_worst_error(collect_gradients(parts.model), collect_gradients(whole.model)) < 1e-6


def test_every_adapter_tensor_gets_a_gradient(examples: list[EncodedExample]) -> None:
    learner = build_learner(torch.float32, token_budget=ONE_BATCH)
    learner.accumulate_gradients(examples)
    assert [name for name, grad in collect_gradients(learner.model).items() if not grad.any()] == []


@pytest.mark.parametrize("is_fast", [True, False], ids=["kernels", "library"])
def test_a_row_sees_nothing_of_its_neighbours(examples: list[EncodedExample], is_fast: bool) -> None:
    learner = build_learner(torch.float32, is_fast=is_fast, token_budget=ONE_BATCH)
    alone = sum(learner.measure([example])["loss"] for example in examples)
    assert learner.measure(examples)["loss"] == pytest.approx(alone, rel=1e-5)


def test_the_order_of_rows_changes_nothing(examples: list[EncodedExample]) -> None:
    one, other = (build_learner(torch.float64, token_budget=ONE_BATCH) for _ in range(2))
    one.accumulate_gradients(examples)
    other.accumulate_gradients(examples[::-1])
    assert find_worst_error(collect_gradients(one.model), collect_gradients(other.model)) < 1e-6


def test_rows_that_are_mistaken_for_one_would_be_noticed(examples: list[EncodedExample]) -> None:
    """The same rows as if they were one text give other gradients, far outside the bound."""
    _, expected = compute_reference(build_adapted_model(), examples)
    joined = EncodedExample(
        tuple(token for example in examples for token in example.ids),
        tuple(flag for example in examples for flag in example.is_target),
    )
    learner = build_learner(torch.float32, token_budget=ONE_BATCH)
    learner.accumulate_gradients([joined])
    assert find_worst_error(collect_gradients(learner.model), expected) > 1e-2
