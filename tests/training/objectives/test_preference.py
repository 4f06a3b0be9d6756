"""The preference loss against TRL's and against one padded row at a time, with full logits and stock PEFT."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pytest
import torch
from torch.nn.functional import logsigmoid
from transformers import Lfm2Config, Lfm2ForCausalLM

from luthier.tokens.encode import EncodedExample
from luthier.tokens.pairs import EncodedPair
from luthier.training.objectives.preference import PreferenceLoss, compute_pair_margins
from luthier.training.objectives.reference import ReferenceMargins, compute_margins
from tests.support.exact import widen_norms
from tests.support.preferences import spread_weights
from tests.support.tiny import KINDS, build_adapted_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peft import PeftModel

    from tests.support.tiny import Kind

BETA = 0.3
FLOAT32_BOUND = 3e-6
"""A padded row computed in float32 is itself 0.8e-6 to 1.5e-6 away from float64, depending on the kind of model."""

STOP = 257


def make_pair(prompt: Iterable[int], chosen: Sequence[int], rejected: Sequence[int]) -> EncodedPair:
    start = tuple(prompt)
    rows = (
        EncodedExample((*start, *answer, STOP), (False,) * len(start) + (True,) * (len(answer) + 1))
        for answer in (chosen, rejected)
    )
    return EncodedPair(*rows)


PAIRS = [
    make_pair(range(10, 24), [30, 31, 32], [40]),
    make_pair(range(60, 80), [100, 101], [102, 103, 104, 105, 106]),
    make_pair([7, 9, 11], [200, 201, 202, 203], [200, 201, 90]),
]


class FixedCase(NamedTuple):
    """What TRL 1.16 computed in float32 for the pairs above: `DPOTrainer._compute_loss` on the model that
    `build_fixed_model` gives, with beta 0.3 and the base as its reference; `grad_norm` is that of the mean loss."""

    losses = (0.39386916, 0.44542044, 0.96955609)
    margins = (0.72834635, 0.57777333, -0.49272710)
    loss = 0.60294843
    grad_norm = 4.18642800


def build_fixed_model() -> PeftModel:
    model = build_adapted_model()
    spread_weights(model)
    return model


def build_exact_model(dtype: torch.dtype, *, kind: Kind = "llama") -> PeftModel:
    """The same weights in each precision."""
    return widen_norms(build_adapted_model(kind=kind).to(dtype))


def build_loss(
    model: PeftModel, *, pairs: Sequence[EncodedPair] = PAIRS, shares_prefixes: bool = True
) -> PreferenceLoss:
    margins = compute_margins(model, pairs, token_budget=10_000)
    reference = ReferenceMargins(dict(zip(pairs, margins, strict=True)))
    return PreferenceLoss(reference, beta=BETA, shares_prefixes=shares_prefixes)


def collect_gradients(model: PeftModel) -> torch.Tensor:
    return torch.cat([p.grad.flatten().double() for p in model.parameters() if p.requires_grad])


def sum_answer(model: PeftModel, row: EncodedExample) -> torch.Tensor:
    """Log-probability of a row's targets, from a padded row and logits at every position."""
    ids = torch.tensor([[*row.ids, 0, 0, 0]])
    mask = torch.tensor([[1] * len(row.ids) + [0, 0, 0]])
    log_probs = model(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)
    return sum(log_probs[0, t - 1, row.ids[t]] for t in range(len(row.ids)) if row.is_target[t])


@cache
def compute_row_by_row(kind: Kind) -> tuple[float, torch.Tensor]:
    """Loss and gradients of all pairs."""
    model = build_exact_model(torch.float64, kind=kind)
    model.set_attn_implementation("sdpa")
    total = torch.zeros((), dtype=torch.float64)
    for pair in PAIRS:
        with torch.no_grad(), model.disable_adapter():
            start = sum_answer(model, pair.chosen) - sum_answer(model, pair.rejected)
        moved = sum_answer(model, pair.chosen) - sum_answer(model, pair.rejected)
        total = total - logsigmoid(BETA * (moved - start))
    total.backward()
    return float(total.detach()), collect_gradients(model)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def test_loss_and_gradient_are_those_of_trl_on_a_fixed_case() -> None:
    model = build_fixed_model()
    objective = build_loss(model)
    mean = objective.sum_loss(model, PAIRS).loss / len(PAIRS)
    mean.backward()
    assert float(mean.detach()) == pytest.approx(FixedCase.loss, abs=2e-6)
    assert float(collect_gradients(model).norm()) == pytest.approx(FixedCase.grad_norm, rel=2e-6)
    for pair, loss, margin in zip(PAIRS, FixedCase.losses, FixedCase.margins, strict=True):
        measured = objective.measure(model, [pair])
        assert (measured["loss"], measured["margin"]) == pytest.approx((loss, margin), abs=5e-6)


@pytest.mark.parametrize("shares_prefixes", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-9), (torch.float32, FLOAT32_BOUND)])
def test_gradients_equal_those_of_single_padded_rows(
    kind: Kind, dtype: torch.dtype, bound: float, shares_prefixes: bool
) -> None:
    expected_loss, expected = compute_row_by_row(kind)
    model = build_exact_model(dtype, kind=kind)
    loss = build_loss(model, shares_prefixes=shares_prefixes).sum_loss(model, PAIRS).loss
    loss.backward()
    assert float(loss.detach()) == pytest.approx(expected_loss, rel=bound)
    assert relative_error(collect_gradients(model), expected) < bound


@torch.no_grad()
def test_a_model_that_cannot_keep_rows_apart_computes_them_one_by_one() -> None:
    """A convolution looks back across the border of packed rows."""
    torch.manual_seed(0)
    shape = {"vocab_size": 259, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4}
    kinds = ["conv", "full_attention"]
    config = Lfm2Config(**shape, num_key_value_heads=2, num_hidden_layers=2, layer_types=kinds, initializer_range=0.2)
    model = Lfm2ForCausalLM(config).eval()
    margins = compute_pair_margins(model, PAIRS, shares_prefixes=False)
    expected = [float(sum_answer(model, pair.chosen) - sum_answer(model, pair.rejected)) for pair in PAIRS]
    assert margins.tolist() == pytest.approx(expected, abs=1e-4)


def test_pairs_that_stand_the_wrong_way_round_would_be_noticed() -> None:
    swapped = [EncodedPair(chosen=pair.rejected, rejected=pair.chosen) for pair in PAIRS]
    expected_loss, expected = compute_row_by_row("llama")
    model = build_exact_model(torch.float64)
    objective = build_loss(model, pairs=swapped)
    loss = objective.sum_loss(model, swapped).loss
    loss.backward()
    assert float(loss.detach()) != pytest.approx(expected_loss, rel=1e-2)
    assert relative_error(collect_gradients(model), expected) > 1
    right = build_loss(model).measure(model, PAIRS)["right_orders"]
    assert objective.measure(model, swapped)["right_orders"] == len(PAIRS) - right


def test_a_reference_with_the_adapter_on_would_be_noticed() -> None:
    model = build_fixed_model()
    moved = build_loss(model)._compute_margins(model, PAIRS)
    assert moved.abs().min() > 0.1
    wrong = ReferenceMargins(dict.fromkeys(PAIRS, 0.0))
    assert PreferenceLoss(wrong, beta=BETA, shares_prefixes=True).measure(model, PAIRS)["loss"] != pytest.approx(
        len(PAIRS) * FixedCase.loss, rel=1e-2
    )


def test_a_model_at_its_start_pays_for_a_coin_toss_and_orders_nothing() -> None:
    model = build_adapted_model()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.zero_()
    measured = build_loss(model).measure(model, PAIRS)
    assert measured["weight"] == len(PAIRS)
    assert measured["loss"] == pytest.approx(len(PAIRS) * math.log(2), rel=1e-6)
    assert measured["margin"] == pytest.approx(0, abs=1e-5)


def test_measuring_keeps_no_graph_and_counts_what_the_margins_say() -> None:
    model = build_fixed_model()
    measured = build_loss(model).measure(model, PAIRS)
    assert measured["right_orders"] == 2
    assert measured["loss"] == pytest.approx(len(PAIRS) * FixedCase.loss, rel=1e-5)
    assert measured["margin"] == pytest.approx(sum(FixedCase.margins), abs=1e-5)
    assert all(parameter.grad is None for parameter in model.parameters())
