"""`recipes` lists what comes along and prints one as a start for one's own."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from luthier.recipes import find_recipe, list_recipes

if TYPE_CHECKING:
    from tests.cli.conftest import Call


def test_all_are_listed_with_their_purpose(call: Call) -> None:
    outcome = call("recipes")
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["recipe", *list_recipes()]
    assert "Labels: route, tag or rate a text" in outcome.out
    assert [recipe["name"] for recipe in call("recipes", "--json").document["recipes"]] == list_recipes()


def test_one_is_printed_as_its_file_is(call: Call) -> None:
    outcome = call("recipes", "classification")
    assert outcome.out.rstrip() == find_recipe("classification").read_text().rstrip()
    assert call("recipes", "classification", "--json").document["settings"] == tomllib.loads(outcome.out)


def test_an_unknown_one_is_answered_with_the_near_ones(call: Call) -> None:
    error = call("recipes", "clasification", "--json").document["error"]
    assert (error["code"], error["hint"]) == ("file_missing", "did you mean classification?")
