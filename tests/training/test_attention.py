"""Which models may be packed: those whose layers keep documents apart."""

from __future__ import annotations

import pytest

from luthier.training.attention import PER_DOCUMENT, can_pack, choose_attention
from tests.support.tiny import build_model


def test_a_plain_causal_model_is_attended_per_document() -> None:
    model = build_model()
    model.set_attn_implementation(choose_attention(model.config))
    assert model.config._attn_implementation == PER_DOCUMENT
    assert can_pack(model)


@pytest.mark.parametrize(("name", "value"), [("sliding_window", 4096), ("attn_logit_softcapping", 50.0)])
def test_a_model_with_a_window_or_capped_logits_keeps_its_own_attention(name: str, value: float) -> None:
    model = build_model()
    setattr(model.config, name, value)
    assert choose_attention(model.config) == "sdpa"


@pytest.mark.parametrize("layers", [["conv", "full_attention"], ["linear_attention", "full_attention"]])
def test_layers_that_carry_state_across_documents_are_not_packed(layers: list[str]) -> None:
    model = build_model()
    model.set_attn_implementation(choose_attention(model.config))
    model.config.layer_types = layers
    assert not can_pack(model)


def test_a_model_that_ignores_its_attention_is_not_packed() -> None:
    model = build_model()
    model.set_attn_implementation("eager")
    assert not can_pack(model)
