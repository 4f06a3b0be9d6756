from __future__ import annotations

import re

import pytest

from luthier.evaluation.sensitivity import describe_sensitivity
from luthier.stats.power import cases_needed, minimum_detectable_gain


@pytest.mark.parametrize(
    ("total", "sentence"),
    [
        (5, "with 5 test cases no gain can be seen: at least 6 are needed"),
        (24, "with 24 test cases you can see +31 to +47 points; add 68 to see +15"),
        (50, "with 50 test cases you can see +16 to +29 points; add 118 to see +10"),
        (200, "with 200 test cases you can see +4 to +12 points"),
    ],
)
def test_the_sentence_says_what_so_many_cases_can_show(total: int, sentence: str) -> None:
    assert describe_sensitivity(total) == sentence


@pytest.mark.parametrize("total", [6, 8, 12, 30, 76, 100])
def test_the_numbers_are_those_of_the_test_that_will_be_run(total: int) -> None:
    sentence = describe_sensitivity(total)
    low, high = minimum_detectable_gain(total), minimum_detectable_gain(total, broken_fraction=0.1)
    assert low is not None
    assert f"+{-int(-100 * low // 1)} " in sentence
    assert (high is None) == ("none when a tenth of them breaks" in sentence)
    if more := re.search(r"add (\d+) to see \+(\d+)", sentence):
        assert total + int(more[1]) == cases_needed(int(more[2]) / 100, broken_fraction=0.05)


def test_clusters_may_be_worth_one_case_each() -> None:
    sentence = describe_sensitivity(100, clusters=12)
    assert sentence == (
        "with 100 test cases in 12 clusters you can see +8 to +18 points; "
        "no less than +76 if the cases of a cluster stand or fall together"
    )
    assert "none if the cases of a cluster stand" in describe_sensitivity(100, clusters=4)
    assert describe_sensitivity(100, clusters=100) == describe_sensitivity(100)
