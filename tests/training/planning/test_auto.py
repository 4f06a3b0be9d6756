"""What is left open follows from rows, base and machine, by rules that are written out here with their results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from luthier.errors import InvalidConfig
from luthier.models.architecture import read_architecture
from luthier.models.catalog import Base
from luthier.training.config import AUTO_FIELDS, TrainingConfig
from luthier.training.planning.auto import (
    HIGHEST_RANK,
    LORA_FACTOR,
    MOST_TOKENS_ON_CPU,
    MOST_TOKENS_ON_GPU,
    Circumstances,
    look_around,
    resolve_settings,
)
from tests.support.chats import make_dataset
from tests.support.circumstances import GIB, H200, LAPTOP, LLAMA_8B, SMOLLM2, look


def settle(circumstances: Circumstances, **given: Any) -> TrainingConfig:
    return resolve_settings({}, given, circumstances).config


def test_the_small_base_and_a_few_hundred_rows_get_what_was_tried_on_them() -> None:
    """docs/experiments.md holds the runs."""
    settled = settle(look(rows=240))
    assert (settled.learning_rate, settled.batch_size, settled.epochs, settled.r) == (1e-3, 4, 3, 16)
    assert settled == TrainingConfig()


@pytest.mark.parametrize(
    ("rows", "epochs", "batch_size"),
    [
        (8, 13, 1),
        (20, 5, 2),
        (30, 4, 2),
        (34, 3, 4),
        (500, 3, 4),
        (3999, 3, 4),
        (4000, 3, 8),
        (12_000, 2, 16),
        (90_000, 1, 32),
    ],
)
def test_few_rows_are_seen_often_and_many_in_large_batches(rows: int, epochs: int, batch_size: int) -> None:
    settled = settle(look(rows=rows))
    assert (settled.epochs, settled.batch_size) == (epochs, batch_size)


@pytest.mark.parametrize("architecture", [SMOLLM2, LLAMA_8B])
def test_lora_wants_ten_times_the_rate_of_full_fine_tuning(architecture: Any) -> None:
    lora, full = (settle(look(architecture=architecture), tuning=tuning).learning_rate for tuning in ("lora", "full"))
    assert lora == pytest.approx(LORA_FACTOR * full, rel=0.05)  # both are rounded to one digit
    assert settle(look(architecture=architecture), tuning="qlora").learning_rate == lora


def test_a_large_base_wants_a_lower_rate_and_qwen_hardly_so() -> None:
    assert settle(look(architecture=LLAMA_8B)).learning_rate == 3e-4
    qwen = replace(LLAMA_8B, model_type="qwen2")
    assert settle(look(architecture=qwen)).learning_rate == 5e-4


def test_preferences_are_learnt_once_and_gently() -> None:
    settled = settle(look(method="dpo"))
    assert (settled.method, settled.epochs, settled.r) == ("dpo", 1, 16)
    assert settled.learning_rate == pytest.approx(1e-3 / 20, rel=0.5)
    assert settle(look(method="dpo", architecture=LLAMA_8B)).learning_rate == 1e-5
    few = {choice.name: choice for choice in resolve_settings({}, {}, look(method="dpo", rows=5)).choices}
    assert (few["epochs"].value, few["epochs"].reason) == (3, "5 rows are few: at most 3 looks at each")


@pytest.mark.parametrize(
    ("settings", "fraction"),
    [
        ({"use_rslora": True}, 1 / 4),
        ({"r": 64, "lora_alpha": 128}, 1 / 2),
        ({"r": 256, "lora_alpha": 512}, 1 / 4),
        ({"r": 256}, 1),
        ({"lora_alpha": 16}, 1),
    ],
)
def test_a_stronger_adapter_gets_a_lower_rate_and_a_weaker_one_no_higher(
    settings: dict[str, Any], fraction: float
) -> None:
    usual = 5e-5 * LORA_FACTOR * (2000 / 576) ** 0.781
    assert settle(look(), **settings).learning_rate == float(f"{usual * fraction:.0e}")


def test_the_rank_grows_with_what_the_answers_hold() -> None:
    numbers = SMOLLM2.count_adapter_parameters(16, "all-linear")
    fits, exceeds = (look(answer_characters=4 * (2 * numbers + extra)) for extra in (0, 10))
    assert settle(fits).r == 16
    assert settle(exceeds).r == 32
    assert settle(exceeds, target_modules="attention").r == 64
    assert settle(look(answer_characters=10**12)).r == HIGHEST_RANK
    assert settle(look(answer_characters=10**12), target_modules=["c_attn"]).r == 16


def test_full_fine_tuning_has_no_rank_to_settle() -> None:
    names = [choice.name for choice in resolve_settings({}, {"tuning": "full"}, look()).choices]
    assert "r" not in names
    assert "learning_rate" in names


@pytest.mark.parametrize(
    ("machine", "architecture", "tokens"),
    [
        (LAPTOP, SMOLLM2, MOST_TOKENS_ON_CPU),
        (H200, LLAMA_8B, 8192),
        (H200, SMOLLM2, MOST_TOKENS_ON_GPU),
        (LAPTOP._replace(free_bytes=2 * GIB), SMOLLM2, 1024),
        (LAPTOP._replace(free_bytes=2 * GIB), LLAMA_8B, 256),
    ],
)
def test_as_many_tokens_at_once_as_half_of_the_free_memory_holds(machine: Any, architecture: Any, tokens: int) -> None:
    assert settle(look(machine=machine, architecture=architecture)).micro_batch_tokens == tokens


def test_each_value_says_where_it_came_from() -> None:
    resolution = resolve_settings({"epochs": 2, "batch_size": 8, "seed": 3}, {"batch_size": 2, "r": "auto"}, look())
    origins = {choice.name: choice.source for choice in resolution.choices}
    assert origins == {
        "epochs": "recipe",
        "batch_size": "given",
        "seed": "recipe",
        "method": "auto",
        "r": "auto",
        "learning_rate": "auto",
        "micro_batch_tokens": "auto",
    }
    assert all(bool(choice.reason) == (choice.source == "auto") for choice in resolution.choices)
    assert all(getattr(resolution.config, choice.name) == choice.value for choice in resolution.choices)


@pytest.mark.parametrize("name", AUTO_FIELDS)
def test_auto_on_the_command_line_takes_a_recipes_value_back(name: str) -> None:
    other = {"method": "sft", "r": 2, "batch_size": 7, "epochs": 9, "learning_rate": 0.5, "micro_batch_tokens": 10}
    settled = resolve_settings({name: other[name]}, {name: "auto"}, look()).config
    assert settled == settle(look())


def test_auto_is_no_value_of_a_setting_that_does_not_know_it() -> None:
    with pytest.raises(InvalidConfig, match="lora_alpha = 'auto'"):
        settle(look(), lora_alpha="auto")


def test_rows_and_base_are_looked_at(tiny_base: Base) -> None:
    dataset = make_dataset(20)
    found = look_around(dataset, read_architecture(tiny_base.folder), LAPTOP)
    answers = [example.conversation.messages[-1].content for example in dataset.examples]
    assert (found.rows, found.method) == (20, "sft")
    assert found.answer_characters == sum(map(len, answers))
