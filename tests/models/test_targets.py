"""Which layers get an adapter, in models whose layers go by different names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from luthier.errors import InvalidConfig
from luthier.models.lora import attach_adapter
from luthier.models.settings import LoraSettings
from luthier.models.targets import choose_targets, list_linear_layers
from tests.support.tiny import KINDS, Kind, build_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
SIZES |= {"vocab_size": 64, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def build_shape(model_type: str, **changes: Any) -> PreTrainedModel:
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **SIZES, **changes))


@pytest.mark.parametrize("kind", KINDS)
def test_attention_is_queries_keys_values_and_outputs(kind: Kind) -> None:
    targets = choose_targets(build_model(kind=kind), "attention")
    assert targets == ["k_proj", "o_proj", "q_proj", "v_proj"]


@pytest.mark.parametrize(
    ("model_type", "names"),
    [
        ("gpt_neox", ["dense", "query_key_value"]),
        ("phi", ["dense", "k_proj", "q_proj", "v_proj"]),
        ("phi3", ["o_proj", "qkv_proj"]),
        ("gpt2", ["attn.c_proj", "c_attn"]),
    ],
)
def test_attention_is_found_under_other_names(model_type: str, names: list[str]) -> None:
    """GPT-2 calls a layer of its MLP c_proj as well: there the name alone would say too much."""
    assert choose_targets(build_shape(model_type), "attention") == names


def test_only_attention_gets_an_adapter() -> None:
    model = build_model()
    adapted = attach_adapter(model, LoraSettings(target_modules="attention"), seed=0)
    with_adapter = {name.split(".lora_A")[0] for name, _ in adapted.named_parameters() if "lora_A" in name}
    assert len(with_adapter) == 2 * 4
    assert all(".self_attn." in name for name in with_adapter)


def test_a_model_without_attention_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="no layers of attention") as refused:
        choose_targets(build_shape("mamba"), "attention")
    assert "all-linear" in refused.value.hint


def test_one_unknown_name_among_known_ones_is_refused_with_the_nearest() -> None:
    """PEFT would train the known ones and say nothing."""
    with pytest.raises(InvalidConfig, match=r"target_modules: this model has no layer 'v_porj'") as refused:
        choose_targets(build_model(), ("q_proj", "v_porj"))
    assert "v_proj" in refused.value.hint


@pytest.mark.parametrize("name", ["lm_head", "embed_tokens", "input_layernorm", "proj"])
def test_what_is_no_linear_layer_of_the_decoder_is_refused(name: str) -> None:
    with pytest.raises(InvalidConfig, match=name):
        choose_targets(build_model(), (name,))


def test_a_name_may_be_as_long_as_the_layer_it_means() -> None:
    for name in ("q_proj", "self_attn.q_proj", "model.layers.1.self_attn.q_proj"):
        assert choose_targets(build_model(), (name,)) == [name]


def test_the_head_is_no_layer_to_adapt_even_where_it_is_linear() -> None:
    assert not any("head" in layer for layer in list_linear_layers(build_model()))
