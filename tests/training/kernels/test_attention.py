"""Which models may be packed, and which may share what rows begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from transformers import (
    FalconConfig,
    FalconForCausalLM,
    GptOssConfig,
    GptOssForCausalLM,
    PreTrainedModel,
    StableLmConfig,
    StableLmForCausalLM,
)

from luthier.tokens.packing import pack_rows
from luthier.tokens.tree import grow_tree
from luthier.training.kernels.attention import (
    TREE_ATTENTION,
    adopt_attention,
    attend_tree,
    can_pack,
    can_share,
    choose_attention,
)
from luthier.training.objectives.likelihood import compute_log_probs
from tests.support.chats import encode_chats
from tests.support.tiny import KINDS, build_model

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("kind", KINDS)
def test_causal_models_attend_along_the_tree(kind: str) -> None:
    model = build_model(kind=kind)
    model.set_attn_implementation(choose_attention(model.config))
    assert model.config._attn_implementation == TREE_ATTENTION
    assert can_pack(model)
    assert can_share(model)


@pytest.mark.parametrize(("name", "value"), [("attention_chunk_size", 4096), ("attn_logit_softcapping", 50.0)])
def test_a_model_that_does_more_to_its_scores_keeps_its_own_attention(name: str, value: float) -> None:
    model = build_model()
    setattr(model.config, name, value)
    assert choose_attention(model.config) == "sdpa"
    model.set_attn_implementation("sdpa")
    assert can_pack(model)
    assert not can_share(model)


@pytest.mark.parametrize("layers", [["conv", "full_attention"], ["linear_attention", "full_attention"]])
def test_layers_that_carry_state_from_row_to_row_are_not_packed(layers: list[str]) -> None:
    model = build_model()
    model.set_attn_implementation(choose_attention(model.config))
    model.config.layer_types = layers
    assert not can_pack(model)
    assert not can_share(model)


def test_a_model_that_ignores_its_attention_is_not_packed() -> None:
    model = build_model()
    model.set_attn_implementation("eager")
    assert not can_pack(model)


SHAPE = {
    "vocab_size": 260,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def build_model_with_sinks() -> PreTrainedModel:
    """Each head of gpt-oss may look at nothing, which our attention does not know."""
    return GptOssForCausalLM(
        GptOssConfig(**SHAPE, intermediate_size=16, num_key_value_heads=2, head_dim=8, num_local_experts=4)
    )


def build_model_that_takes_no_hints() -> PreTrainedModel:
    """Falcon calls one attention, which sees a packed row as one text."""
    return FalconForCausalLM(FalconConfig(**SHAPE))


def build_model_that_hands_nothing_on() -> PreTrainedModel:
    """The layers of StableLM are not told of the tree."""
    return StableLmForCausalLM(StableLmConfig(**SHAPE, intermediate_size=64, num_key_value_heads=2))


@pytest.mark.parametrize(
    "build", [build_model_with_sinks, build_model_that_takes_no_hints, build_model_that_hands_nothing_on]
)
def test_a_model_whose_attention_is_another_keeps_its_own(build: Callable[[], PreTrainedModel]) -> None:
    torch.manual_seed(0)
    model = build().eval()
    rows = encode_chats(3)
    ids = [torch.tensor([row.ids]) for row in rows]
    with torch.no_grad():
        logits = [model(input_ids=each, use_cache=False).logits[0, :-1] for each in ids]
        expected = [
            float(each.log_softmax(1)[range(len(row.ids) - 1), row.ids[1:]][list(row.is_target[1:])].sum())
            for each, row in zip(logits, rows, strict=True)
        ]
        adopt_attention(model)
        assert not can_share(model)
        groups = [rows] if can_pack(model) else [[row] for row in rows]
        batches = [pack_rows(group, shares_prefixes=False) for group in groups]
        found = torch.cat([batch.sum_by_row(compute_log_probs(model, batch)) for batch in batches])
    assert found.tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_can_is_given_the_tree(kind: str, dtype: torch.dtype) -> None:
    model = build_model(dtype, kind=kind).eval()
    adopt_attention(model)
    assert can_share(model)


@pytest.mark.parametrize("window", [None, 20])
def test_the_way_with_dropout_computes_the_same_where_there_is_none(window: int | None) -> None:
    beginning = tuple(range(30))
    tree = grow_tree([(*beginning, 50, 51), (*beginning, 60), (70,) * 25]).tree
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, heads, tree.token_count, 8, generator=generator) for heads in (4, 2, 2))

    def attend(dropout: float) -> torch.Tensor:
        attended, _ = attend_tree(
            torch.nn.Module(), query, key, value, None, tree=tree, scaling=0.3, dropout=dropout, sliding_window=window
        )
        return attended

    assert torch.allclose(attend(1e-12), attend(0.0), atol=1e-6)


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_positions_that_turn_by_the_longest_row_are_not_packed(kind: str) -> None:
    model = build_model()
    adopt_attention(model)
    assert can_pack(model)
    model.config.rope_parameters = {**model.config.rope_parameters, "rope_type": kind}
    assert not can_pack(model)
