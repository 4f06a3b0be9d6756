"""Packing and accumulation are ways to compute the same numbers; the reference is one row at a time, full logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch.nn.functional import cross_entropy

from luthier.conversation import Conversation, Message
from luthier.tokens.encode import EncodedExample, encode_conversation
from luthier.training.loop import accumulate_gradients, compute_mean_loss
from tests.support.tiny import build_adapted_model, build_template

if TYPE_CHECKING:
    from peft import PeftModel

TEXTS = [
    ("2 lamps", '{"n":2}'),
    ("a cup and three forks, please", '{"n":4,"ok":true}'),
    ("hi", "no"),
    ("x", "y"),
]
BOUNDS = {torch.float32: 1e-5, torch.float64: 1e-11}


@pytest.fixture(scope="module")
def examples() -> list[EncodedExample]:
    template = build_template()
    return [
        encode_conversation(template, Conversation((Message("user", prompt), Message("assistant", answer))))
        for prompt, answer in TEXTS
    ]


def compute_reference(model: PeftModel, examples: list[EncodedExample]) -> tuple[float, torch.Tensor]:
    """Stock PEFT, no packing, logits at every position."""
    model.zero_grad()
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


def collect_gradients(model: PeftModel) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad])


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("token_budget", [10_000, 60, 1], ids=["one batch", "some batches", "one row each"])
def test_packed_and_accumulated_gradients_equal_those_of_single_rows(
    examples: list[EncodedExample], token_budget: int, dtype: torch.dtype
) -> None:
    expected_loss, expected = compute_reference(build_adapted_model(dtype), examples)
    model = build_adapted_model(dtype)
    loss = accumulate_gradients(model, examples, token_budget=token_budget)
    # The loss itself is computed in float32 whatever the model's precision.
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert relative_error(collect_gradients(model), expected) < max(BOUNDS[dtype], 1e-6)


def test_every_adapter_tensor_gets_a_gradient(examples: list[EncodedExample]) -> None:
    model = build_adapted_model()
    accumulate_gradients(model, examples, token_budget=10_000)
    silent = [name for name, p in model.named_parameters() if p.requires_grad and not p.grad.any()]
    assert silent == []


def test_a_document_sees_nothing_of_its_neighbours(examples: list[EncodedExample]) -> None:
    model = build_adapted_model()
    alone = compute_mean_loss(model, examples[:1], token_budget=10_000) * examples[0].target_count
    others = compute_mean_loss(model, examples[1:], token_budget=10_000) * sum(e.target_count for e in examples[1:])
    together = compute_mean_loss(model, examples, token_budget=10_000) * sum(e.target_count for e in examples)
    assert together == pytest.approx(alone + others, rel=1e-5)


def test_leaking_attention_would_be_noticed(examples: list[EncodedExample]) -> None:
    """The same rows packed as if they were one document give other gradients, far outside the bound."""
    _, expected = compute_reference(build_adapted_model(), examples)
    model = build_adapted_model()
    joined = EncodedExample(
        tuple(token for example in examples for token in example.ids),
        tuple(flag for example in examples for flag in example.is_target),
    )
    accumulate_gradients(model, [joined], token_budget=10_000)
    assert relative_error(collect_gradients(model), expected) > 1e-2
