"""Settings are closed and explain themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import FileMissing, InvalidConfig
from luthier.recipes import describe_recipe, find_recipe, list_recipes
from luthier.training.config import (
    AUTO_FIELDS,
    TrainingConfig,
    build_config,
    list_settings,
    parse_assignments,
    read_recipe,
)
from luthier.training.planning.auto import resolve_settings
from tests.support.circumstances import look

if TYPE_CHECKING:
    from pathlib import Path


def test_an_unknown_setting_is_answered_with_the_near_ones() -> None:
    with pytest.raises(InvalidConfig, match="unknown training setting 'learning_rat'") as caught:
        build_config({"learning_rat": 1})
    assert "learning_rate" in caught.value.hint


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs = 0"),
        ({"epochs": "many"}, "epochs = 'many'"),
        ({"learning_rate": -1}, "learning_rate = -1"),
        ({"precision": "fp8"}, "precision = 'fp8'"),
        ({"r": 0}, "r = 0"),
        ({"max_grad_norm": float("inf")}, "max_grad_norm = inf"),
        ({"seed": 2**64}, "seed = "),
        ({"target_modules": "q_proj"}, "target_modules = 'q_proj': input should be all-linear, attention or a list"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_means(values: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidConfig, match=message) as caught:
        build_config(values)
    key = next(iter(values))
    description = " ".join((TrainingConfig.model_fields[key].description or "").split())
    assert caught.value.hint == f"{key}: {description[0].lower()}{description[1:-1]}"


def test_every_setting_explains_itself() -> None:
    assert [name for name, field in TrainingConfig.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("epochs=2", 2),
        ("learning_rate=2e-4", 2e-4),
        ("target_modules=['q_proj', 'v_proj']", ["q_proj", "v_proj"]),
        ("target_modules=all-linear", "all-linear"),
        ("precision = float32", "float32"),
    ],
)
def test_assignments_are_toml_or_text(text: str, value: object) -> None:
    assert list(parse_assignments([text]).values()) == [value]


@pytest.mark.parametrize("text", ["epochs", "=3", ""])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfig, match="is not key=value"):
        parse_assignments([text])


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_that_comes_along_can_be_settled_and_says_what_it_is_for(name: str) -> None:
    path = find_recipe(name)
    settings = read_recipe(path)
    settled = resolve_settings(settings, {}, look(method=settings.get("method", "sft")))
    assert {choice.name for choice in settled.choices if choice.source == "recipe"} == set(settings)
    assert {key: getattr(settled.config, key) for key in settings} == settings
    assert len(describe_recipe(name)) > 20
    assert path.read_text().startswith(f"# {describe_recipe(name)}.\n#\n# ")


def test_there_is_a_recipe_for_each_common_case() -> None:
    assert set(list_recipes()) == {
        "classification",
        "full-small-model",
        "house-style",
        "json-extraction",
        "long-conversations",
        "orders",
        "preferences",
        "qlora-small-gpu",
        "quick-try",
    }


def test_an_unknown_key_in_a_recipe_is_answered_with_the_near_ones(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("epoch = 3")
    with pytest.raises(InvalidConfig, match="unknown training setting 'epoch'") as caught:
        resolve_settings(read_recipe(mine), {}, look())
    assert "epochs" in caught.value.hint


def test_a_file_wins_over_a_recipe_of_its_name(tmp_path: Path) -> None:
    mine = tmp_path / "orders"
    mine.write_text("epochs = 7")
    assert read_recipe(find_recipe(str(mine))) == {"epochs": 7}


def test_a_missing_or_broken_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="no recipe order") as caught:
        find_recipe("order")
    assert "orders" in caught.value.hint
    broken = tmp_path / "broken.toml"
    broken.write_text("epochs: 3")
    with pytest.raises(InvalidConfig, match="is not TOML"):
        read_recipe(broken)


def test_a_runs_id_follows_from_every_setting() -> None:
    assert set(TrainingConfig().describe()) == set(TrainingConfig.model_fields)
    assert TrainingConfig(overlong="drop").describe() != TrainingConfig().describe()


def test_what_is_settled_by_rule_is_listed_as_auto() -> None:
    defaults = {setting.name: setting.default for setting in list_settings()}
    assert set(defaults) == set(TrainingConfig.model_fields)
    assert {name for name in AUTO_FIELDS if defaults[name] != "auto"} == set()
    assert (defaults["max_length"], defaults["use_dora"], defaults["lora_alpha"]) == ("", "false", "32")


def test_descriptions_are_single_lines() -> None:
    assert [setting.name for setting in list_settings() if "\n" in setting.description] == []
