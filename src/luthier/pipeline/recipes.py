"""The recipes that come along, and what each is for."""

from __future__ import annotations

from typing import Any, NamedTuple

from luthier import recipes
from luthier.training import config


class RecipeRecord(NamedTuple):
    """`text` is the file as it is, with what it says about itself."""

    name: str
    purpose: str
    settings: dict[str, Any]
    text: str


def list_recipes() -> list[RecipeRecord]:
    """Those that come with Luthier, by name."""
    return [read_recipe(name) for name in recipes.list_recipes()]


def read_recipe(name: str) -> RecipeRecord:
    """Raises FileMissing with the near names, InvalidConfig for what is not TOML."""
    path = recipes.find_recipe(name)
    settings = config.read_recipe(path)
    return RecipeRecord(name, recipes.describe_recipe(name), settings, path.read_text(encoding="utf-8").rstrip())
