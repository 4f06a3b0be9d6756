"""What an adapter's config says is understood, or refused by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from peft import LoraConfig

from luthier.engine.adapters.description import read_description
from luthier.errors import StoreDamaged

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = {"peft_type": "LORA", "r": 8, "lora_alpha": 16}


def write(folder: Path, content: Any) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "adapter_config.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "Invalid JSON: EOF"),
        ("", "Invalid JSON: EOF"),
        ("[" * 100_000, "Invalid JSON: recursion"),
        ("\x00", "Invalid JSON: expected value"),
        ([1], "Input should be an object"),
        (CONFIG | {"peft_type": "IA3"}, "peft_type: Input should be 'LORA'"),
        (CONFIG | {"peft_type": "ADALORA"}, "peft_type"),
        ({"peft_type": "LORA", "lora_alpha": 1}, "r: Field required"),
        (CONFIG | {"r": 0}, "r: Input should be greater than or equal to 1"),
        (CONFIG | {"r": "8"}, "r: Input should be a valid integer"),
        (CONFIG | {"r": True}, "r: Input should be a valid integer"),
        (CONFIG | {"lora_alpha": float("nan")}, "lora_alpha: Input should be a finite number"),
        (CONFIG | {"bias": "all"}, "bias: Input should be 'none'"),
        (CONFIG | {"rank_pattern": {"q_proj": -1}}, r"rank_pattern: q_proj: Input should be greater"),
        (CONFIG | {"alpha_pattern": {"(": 1}}, r"alpha_pattern: '\(' is no pattern"),
    ],
)
def test_a_config_that_cannot_be_used_is_refused(tmp_path: Path, content: Any, told: str) -> None:
    with pytest.raises(StoreDamaged, match=rf"(?s)adapter_config\.json cannot be used: .*{told}"):
        read_description(write(tmp_path, content))


@pytest.mark.parametrize(
    "setting",
    [
        {"modules_to_save": ["lm_head"]},
        {"trainable_token_indices": [1, 2]},
        {"lora_bias": True},
        {"layer_replication": [[0, 1], [0, 1]]},
        {"target_parameters": ["mlp.experts.gate_up_proj"]},
        {"use_qalora": True},
        {"alora_invocation_tokens": [5]},
        {"init_lora_weights": "pissa"},
        {"of_a_later_version": 1},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_setting_that_is_not_understood_is_refused_by_name(tmp_path: Path, setting: dict[str, Any]) -> None:
    with pytest.raises(StoreDamaged, match=rf"sets {next(iter(setting))}.*, which is not supported"):
        read_description(write(tmp_path, CONFIG | setting))


def test_what_peft_writes_is_understood(tmp_path: Path) -> None:
    """All settings at their defaults, as the installed version knows them."""
    LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM").save_pretrained(tmp_path)
    assert read_description(tmp_path).find_scaling("model.layers.0.mlp.up_proj") == 2


def test_patterns_match_whole_parts_at_the_end_of_a_path(tmp_path: Path) -> None:
    patterns = {"rank_pattern": {"proj": 2, "q_proj": 4}, "alpha_pattern": {r"layers\.1\..*": 3}, "use_rslora": True}
    description = read_description(write(tmp_path, CONFIG | patterns))
    assert description.find_rank("model.layers.0.q_proj") == 4
    assert description.find_rank("model.layers.0.k_proj") == 8
    assert description.find_scaling("model.layers.1.q_proj") == 1.5
    assert description.find_scaling("model.layers.0.q_proj") == 8
