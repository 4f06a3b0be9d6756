"""The suite that comes with Luthier: whole, varied, and under a version that changes with it."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from luthier.evaluation.forgetting.leakage import list_usual
from luthier.evaluation.forgetting.material import EDITION, load_material

MATERIAL = load_material()

VERSION = "2026.11+65127f5e2d37"
"""Results of other versions cannot be compared: whoever changes the suite on purpose changes this too."""


def test_the_version_stands_for_every_letter_of_the_suite() -> None:
    assert MATERIAL.version == VERSION
    assert MATERIAL.version.startswith(EDITION)


def test_the_suite_has_about_four_hundred_items() -> None:
    assert (len(MATERIAL.passages), len(MATERIAL.gaps)) == (64, 180)
    assert (len(MATERIAL.probes), len(MATERIAL.questions)) == (170, 40)
    assert MATERIAL.total == 454


def test_passages_are_of_like_length_and_share_no_sentence() -> None:
    lengths = sorted(len(passage) for passage in MATERIAL.passages)
    assert 450 < lengths[len(lengths) // 2] < 600
    assert lengths[-1] < 750
    phrases = [{phrase for phrase in list_usual([passage]) if len(phrase) == 8} for passage in MATERIAL.passages]
    assert not any(one & other for one, other in combinations(phrases, 2))


def test_nothing_is_asked_twice() -> None:
    for items in (MATERIAL.passages, MATERIAL.questions, [probe.prompt for probe in MATERIAL.probes], MATERIAL.gaps):
        assert [item for item, count in Counter(items).items() if count > 1] == []


def test_each_gap_has_a_context_and_ends_that_differ() -> None:
    for gap in MATERIAL.gaps:
        ends = (gap.right, *gap.wrong)
        assert gap.context == gap.context.strip() != ""
        assert len(set(ends)) == len(ends) >= 2
        assert all(end.startswith(" ") and end.strip() for end in ends)


def test_every_group_of_gaps_is_large_enough_to_matter() -> None:
    assert Counter(gap.group for gap in MATERIAL.gaps) == {
        "facts": 40,
        "sense": 40,
        "grammar": 40,
        "arithmetic": 30,
        "copying": 30,
    }
