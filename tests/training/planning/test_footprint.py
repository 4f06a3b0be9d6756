"""Memory is counted part by part: written out here for a base of 135 million weights and one of 8 billion."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.training.config import TrainingConfig
from luthier.training.objectives.likelihood import LOGITS_AT_ONCE as HELD_AT_ONCE
from luthier.training.planning.footprint import LOGITS_AT_ONCE, Footprint, estimate_footprint, phrase_bytes
from tests.support.circumstances import GIB, H200, LAPTOP, LLAMA_8B, SMOLLM2

ADAPTER = 4_884_480


def estimate(*, tokens: int = 0, targets: int = 0, **settings: Any) -> Footprint:
    return estimate_footprint(SMOLLM2, TrainingConfig(**settings), LAPTOP, tokens=tokens, targets=targets)


def test_an_adapter_is_trained_in_float32_beside_frozen_weights_in_bfloat16() -> None:
    need = estimate()
    assert need == (2 * SMOLLM2.parameters, 4 * ADAPTER, 4 * ADAPTER, 8 * ADAPTER, 0, 0)
    assert need.total == need.fixed == sum(need)


def test_full_fine_tuning_takes_18_bytes_a_weight_in_bfloat16_and_16_in_float32() -> None:
    assert estimate(tuning="full").fixed == 18 * SMOLLM2.parameters
    assert estimate(tuning="full", precision="float32").fixed == 16 * SMOLLM2.parameters


def test_qlora_rounds_the_layers_alone() -> None:
    linear = SMOLLM2.count_linear_parameters()
    assert linear == 106_168_320
    need = estimate(tuning="qlora")
    assert need.weights == round(0.52 * linear) + 2 * (SMOLLM2.parameters - linear)
    assert need.trained == estimate().trained


def test_float32_doubles_weights_and_activations() -> None:
    short, wide = estimate(tokens=100), estimate(tokens=100, precision="float32")
    assert (wide.weights, wide.activations) == (2 * short.weights, 2 * short.activations)


def test_activations_grow_with_the_tokens_and_logits_only_to_a_bound() -> None:
    assert estimate(tokens=200).activations == 2 * estimate(tokens=100).activations
    assert estimate(targets=100).logits == 100 * 49_152 * (4 + 2)
    assert estimate(targets=10**6).logits == LOGITS_AT_ONCE * 6
    assert LOGITS_AT_ONCE == HELD_AT_ONCE


def test_layers_are_computed_again_where_nothing_else_fits() -> None:
    def need(setting: str, tokens: int) -> Footprint:
        config = TrainingConfig(activation_checkpointing=setting)
        return estimate_footprint(LLAMA_8B, config, H200, tokens=tokens, targets=0)

    assert need("on", 4096).activations < need("off", 4096).activations / 10
    assert need("auto", 4096) == need("off", 4096)
    assert need("off", 40_960).total > H200.free_bytes
    assert need("auto", 40_960) == need("on", 40_960)


@pytest.mark.parametrize(("size", "text"), [(3 * GIB // 2, "1.5 GiB"), (37 * 2**20, "37 MiB"), (0, "0 MiB")])
def test_sizes_are_readable(size: int, text: str) -> None:
    assert phrase_bytes(size) == text
