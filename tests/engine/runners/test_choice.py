"""A model gets the fast runner only if that computes what the model itself does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from luthier.engine.runners import choice
from luthier.engine.runners.choice import open_runner
from luthier.engine.runners.packed import PackedRunner
from luthier.engine.runners.solo import SoloRunner
from tests.support.tiny import KINDS, build_model

if TYPE_CHECKING:
    from tests.support.tiny import Kind

SMALL = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "head_dim": 8,
}


def build_family(family: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(CONFIG_MAPPING[family](**SMALL, **changes)).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_the_families_that_teams_tune_are_served_fast(kind: Kind) -> None:
    assert isinstance(open_runner(build_model(kind=kind).eval(), kv_bytes=2**20).runner, PackedRunner)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("gpt_oss", {"num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": 16}),  # sinks in its scores
        ("gemma2", {"sliding_window": 16, "attn_logit_softcapping": 1.0}),
        ("mamba", {"state_size": 4}),
    ],
)
def test_what_computes_otherwise_keeps_its_own_ways(family: str, changes: dict[str, Any]) -> None:
    model = build_family(family, **changes)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        expected = model(input_ids=ids).logits
        assert isinstance(open_runner(model, kv_bytes=2**20).runner, SoloRunner)
        torch.testing.assert_close(model(input_ids=ids).logits, expected)


@pytest.mark.parametrize("rope_type", ["dynamic", "longrope"])
def test_a_model_whose_positions_depend_on_the_longest_row_keeps_rows_apart(rope_type: str) -> None:
    """All rows of a packed step would be turned as the longest is, and no trial is as long as that."""
    rope = {"rope_type": rope_type, "rope_theta": 10_000.0, "factor": 4.0, "original_max_position_embeddings": 64}
    factors = {"short_factor": [1.0] * 4, "long_factor": [2.0] * 4} if rope_type == "longrope" else {}
    model = build_family("llama", rope_parameters={**rope, **factors})
    assert isinstance(open_runner(model, kv_bytes=2**20).runner, SoloRunner)


def test_an_attention_that_is_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    attend = choice.attend_packed

    def attend_badly(module: Any, query: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
        return attend(module, query, key.flip(1), *args, **kwargs)

    monkeypatch.setattr(choice, "attend_packed", attend_badly)
    assert isinstance(open_runner(build_model().eval(), kv_bytes=2**20).runner, SoloRunner)


def test_the_bytes_of_a_token_are_those_that_its_cache_takes() -> None:
    model: Any = build_model(torch.bfloat16, kind="qwen3")
    ids = torch.tensor([[5, 17, 3, 200, 41]])
    cache = model(ids, use_cache=True).past_key_values
    measured = sum(tensor.nbytes for layer in cache.layers for tensor in (layer.keys, layer.values))
    assert choice._describe_shape(model).token_bytes * ids.shape[1] == measured
