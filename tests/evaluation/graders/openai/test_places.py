from __future__ import annotations

from typing import Any

import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.openai.definition import read_grader
from luthier.evaluation.graders.openai.places import check_sample_places, find_missing_place, list_places, reads_calls
from tests.evaluation.graders.openai.definitions import ALIKE, ALL, CODE, EXACT, JUDGE, LABELS, MULTI


def test_the_places_of_all_templates_are_found() -> None:
    written = {
        place.written for place in list_places(read_grader({**MULTI, "graders": {"exact": EXACT, "alike": JUDGE}}))
    }
    assert written == {"sample.output_text", "item.answer"}
    assert list_places(read_grader(CODE)) == []


@pytest.mark.parametrize("definition", [EXACT, ALIKE, JUDGE, MULTI], ids=lambda each: each["type"])
def test_a_place_that_the_item_lacks_is_named(definition: dict[str, Any]) -> None:
    assert find_missing_place(read_grader(definition), {"answer": "Paris"}) is None
    missing = find_missing_place(read_grader(definition), {"anwser": "Paris"})
    assert missing is not None
    assert (missing.place, missing.hint) == ("item.answer", "did you mean anwser?")


def test_a_place_within_a_list_or_a_text_can_be_missing_too() -> None:
    grader = read_grader({**EXACT, "reference": '{{ item["full names"][1].first }}'})
    assert find_missing_place(grader, {"full names": [{}, {"first": "Ann"}]}) is None
    for names in ([], [{}, {}], "Ann", None):
        missing = find_missing_place(grader, {"full names": names})
        assert missing is not None
        assert (missing.place, missing.hint) == ('item["full names"][1].first', "")


@pytest.mark.parametrize("place", ["sample.output_txt", "sample", "sample[0]"])
def test_a_place_that_no_sample_has_is_refused(place: str) -> None:
    with pytest.raises(InvalidConfig, match="no such place"):
        check_sample_places(read_grader({**EXACT, "input": f"{{{{ {place} }}}}"}))


def test_good_places_are_taken() -> None:
    for definition in ALL:
        check_sample_places(read_grader(definition))


def test_graders_that_look_at_calls_are_known() -> None:
    looks = {**EXACT, "input": "{{ sample.output_tools[0].function.name }}"}
    assert reads_calls(read_grader(looks))
    assert reads_calls(read_grader(CODE))
    assert reads_calls(read_grader({**MULTI, "graders": {"exact": looks, "alike": ALIKE}}))
    assert not any(reads_calls(read_grader(each)) for each in (EXACT, ALIKE, JUDGE, LABELS, MULTI))
