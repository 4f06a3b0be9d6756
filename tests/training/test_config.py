"""Settings are closed and explain themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import FileMissing, InvalidConfig
from luthier.recipes import find_recipe, list_recipes
from luthier.training.config import TrainingConfig, build_config, parse_assignments, read_recipe

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
    ],
)
def test_a_wrong_value_is_named_with_what_it_means(values: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidConfig, match=message) as caught:
        build_config(values)
    key = next(iter(values))
    assert caught.value.hint == f"{key}: {TrainingConfig.model_fields[key].description}"


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


def test_every_recipe_that_comes_along_is_valid() -> None:
    assert list_recipes()
    for name in list_recipes():
        assert build_config(read_recipe(find_recipe(name)))


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


def test_a_later_setting_changes_no_id_until_it_is_used() -> None:
    """The first settings are written out here: a new one that is not among the later ones would rename every run."""
    assert set(TrainingConfig().describe()) == {
        "r",
        "lora_alpha",
        "lora_dropout",
        "target_modules",
        "epochs",
        "batch_size",
        "learning_rate",
        "warmup_fraction",
        "weight_decay",
        "max_grad_norm",
        "max_length",
        "micro_batch_tokens",
        "precision",
        "checkpoint_steps",
        "seed",
    }
    assert TrainingConfig(overlong="refuse").describe() == TrainingConfig().describe()
    assert TrainingConfig(overlong="drop").describe()["overlong"] == "drop"
