"""A value far outside what works is told, with what works instead; usual values are not talked about."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.models.architecture import Architecture
from luthier.recipes import find_recipe, list_recipes
from luthier.training.config import TrainingConfig, read_recipe
from luthier.training.planning.advice import RULES, find_advice
from luthier.training.planning.auto import Circumstances, resolve_settings
from tests.support.circumstances import LLAMA_8B, SMOLLM2, look

CASES: dict[str, tuple[dict[str, Any], Circumstances, str]] = {
    "low learning rate": ({"learning_rate": 1e-5}, look(), "hardly change"),
    "high learning rate": ({"tuning": "full", "learning_rate": 2e-4}, look(architecture=LLAMA_8B), "diverge"),
    "batch larger than the rows": ({"batch_size": 64}, look(rows=40), "more than the 40 training rows"),
    "few steps": ({"batch_size": 64, "epochs": 1}, look(rows=240), "leaves 4 steps"),
    "many epochs": ({"epochs": 20}, look(rows=500), "by heart"),
    "odd lora_alpha": ({"lora_alpha": 1}, look(), "hardly act"),
    "dora with dropout": ({"use_dora": True, "lora_dropout": 0.05}, look(), "leave lora_dropout at 0"),
    "high dropout": ({"lora_dropout": 0.6}, look(), "0 to 0.1 is usual"),
    "adapter settings without adapter": ({"tuning": "full", "lora_alpha": 64}, look(), "has no adapter"),
    "odd beta": ({"beta": 0.001}, look(method="dpo"), "drift"),
    "long warm-up": ({"warmup_fraction": 0.7}, look(), "below its rate"),
    "strong weight decay": ({"weight_decay": 1.0}, look(), "towards zero"),
    "length beyond the context": ({"max_length": SMOLLM2.context_length + 1}, look(), "stay the limit"),
}


def advise(circumstances: Circumstances, **given: Any) -> list[str]:
    return find_advice(resolve_settings({}, given, circumstances).config, circumstances)


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_each_rule_speaks_of_its_case_alone(rule: str) -> None:
    settings, circumstances, words = CASES[rule]
    (told,) = advise(circumstances, **settings)
    assert words in told
    found = {
        each.name for each in RULES if each.find(resolve_settings({}, settings, circumstances).config, circumstances)
    }
    assert found == {rule}


@pytest.mark.parametrize("rows", [8, 30, 240, 5_000, 100_000])
@pytest.mark.parametrize("architecture", [SMOLLM2, LLAMA_8B])
@pytest.mark.parametrize("method", ["sft", "dpo"])
@pytest.mark.parametrize("tuning", ["lora", "qlora", "full"])
def test_what_is_settled_by_rule_gives_no_warning(
    rows: int, architecture: Architecture, method: str, tuning: str
) -> None:
    assert advise(look(rows=rows, architecture=architecture, method=method), tuning=tuning) == []


@pytest.mark.parametrize(
    "given",
    [
        {"learning_rate": 2e-4},
        {"learning_rate": 3e-3},
        {"r": 8, "lora_alpha": 16},
        {"r": 64, "lora_alpha": 16},
        {"r": 256},
        {"r": 256, "lora_alpha": 512},
        {"use_rslora": True},
        {"use_dora": True},
        {"lora_dropout": 0.1},
        {"epochs": 10},
        {"batch_size": 16},
        {"weight_decay": 0.01},
        {"tuning": "full", "learning_rate": 5e-5},
    ],
)
def test_usual_values_give_no_warning(given: dict[str, Any]) -> None:
    assert advise(look(rows=500), **given) == []


@pytest.mark.parametrize("recipe", list_recipes())
def test_no_recipe_is_warned_of(recipe: str) -> None:
    settings = read_recipe(find_recipe(recipe))
    circumstances = look(rows=500, method=settings.get("method", "sft"))
    assert find_advice(resolve_settings(settings, {}, circumstances).config, circumstances) == []


def test_a_strong_adapter_makes_the_same_rate_too_high() -> None:
    assert advise(look(), learning_rate=2e-3) == []
    assert "far above" in " ".join(advise(look(), learning_rate=2e-3, r=256, lora_alpha=512))


def test_many_epochs_over_very_few_rows_are_no_news() -> None:
    assert advise(look(rows=20), epochs=20) == []
    assert advise(look(rows=20), epochs=60) != []


def test_the_defaults_of_the_class_are_usual() -> None:
    assert find_advice(TrainingConfig(), look()) == []
