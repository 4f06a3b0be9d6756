"""What was chosen counts, what was not is as it was, and nothing moves old rows by accident."""

from __future__ import annotations

import math
from typing import Any

import pytest

from luthier.data.splits.options import (
    DEFAULTS,
    FORMAT_1,
    SplitFractions,
    SplitOptions,
    choose_options,
    describe_options,
    parse_fractions,
    parse_near,
    restore_options,
)
from luthier.errors import InvalidConfig, UsageError


def test_what_is_not_chosen_is_as_in_the_earlier_split_or_the_default() -> None:
    assert choose_options({}) == DEFAULTS
    assert choose_options({"seed": 3, "near": None}) == SplitOptions(seed=3, near=None)
    earlier = SplitOptions(seed=3, group_by="customer")
    assert choose_options({}, earlier) == earlier
    assert choose_options({"seed": 3, "group_by": "customer"}, earlier) == earlier


@pytest.mark.parametrize(
    ("choices", "change"),
    [
        ({"seed": 4}, "seed 3, not 4"),
        ({"near": 0.5}, "near off, not 0.5"),
        ({"group_by": "customer"}, "group-by off, not customer"),
        ({"stratify": "off", "seed": 4}, "seed 3, not 4, and stratify auto, not off"),
        ({"fractions": (0.6, 0.2, 0.2)}, "fractions 0.8/0.1/0.1, not 0.6/0.2/0.2"),
    ],
)
def test_another_choice_than_that_of_the_earlier_split_is_refused(choices: Any, change: str) -> None:
    earlier = SplitOptions(seed=3, near=None)
    with pytest.raises(UsageError) as error:
        choose_options(choices, earlier, place="data")
    assert error.value.message == f"the split in data was dealt with {change}: that would move its rows"
    assert "--fresh" in error.value.hint


@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.2), (1.0, 0.0, 0.0), (1.2, -0.1, -0.1), (math.nan, 0.1, 0.1)])
def test_odd_fractions_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidConfig, match="split fractions"):
        choose_options({"fractions": fractions})


@pytest.mark.parametrize("near", [0.0, -1.0, 1.5, math.nan, math.inf])
def test_a_similarity_that_is_none_is_refused(near: float) -> None:
    with pytest.raises(InvalidConfig, match="near"):
        choose_options({"near": near})


@pytest.mark.parametrize(
    ("text", "fractions"),
    [("0.8/0.1/0.1", (0.8, 0.1, 0.1)), (" 0.7 / 0.2/ 0.1", (0.7, 0.2, 0.1)), ("80/10/10", (0.8, 0.1, 0.1))],
)
def test_fractions_are_read_as_shares_or_percent(text: str, fractions: tuple[float, ...]) -> None:
    assert parse_fractions(text) == SplitFractions(*fractions)


@pytest.mark.parametrize("text", ["", "0.8", "0.8/0.2", "a/b/c", "0.8/0.1/0.05/0.05", "80%/10%/10%"])
def test_what_are_no_fractions_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidConfig) as error:
        parse_fractions(text)
    assert "0.8/0.1/0.1" in error.value.hint


def test_a_similarity_is_a_number_or_off() -> None:
    assert parse_near("0.9") == 0.9
    assert parse_near("OFF") is None
    with pytest.raises(InvalidConfig, match="'nearly' is no similarity"):
        parse_near("nearly")


@pytest.mark.parametrize("options", [DEFAULTS, SplitOptions(7, SplitFractions(0.6, 0.2, 0.2), "customer", None, "off")])
def test_options_are_restored_from_their_description(options: SplitOptions) -> None:
    assert restore_options(describe_options(options)) == options


def test_a_manifest_of_the_first_format_says_how_rows_were_dealt_then() -> None:
    manifest = {"seed": 5, "fractions": {"train": 0.8, "validation": 0.1, "test": 0.1}}
    assert restore_options(manifest) == SplitOptions(5, near=FORMAT_1.near, stratify="off")
