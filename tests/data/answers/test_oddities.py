"""Odd is what few rows do where nearly all do the same, and a habit of its own is not odd."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.data.answers.fields import AnswerFields, Field
from luthier.data.answers.oddities import (
    find_misspelt_keys,
    find_odd_decimals,
    find_odd_keys,
    find_odd_notations,
    find_odd_types,
    find_odd_values,
    find_undated,
    is_odd_count,
    list_fields,
)
from luthier.data.answers.parsing import WrittenFloat


def gather(*answers: Any, prompts: list[str] | None = None) -> Field:
    fields = AnswerFields()
    for line, answer in enumerate(answers, 1):
        fields.add(answer, line, prompts[line - 1] if prompts else "")
    return fields.root


def values(*texts: str, prompts: list[str] | None = None) -> Field:
    return gather(*({"v": text} for text in texts), prompts=prompts).children["v"]


@pytest.mark.parametrize(
    ("count", "total", "is_odd"),
    [(1, 19, False), (1, 20, True), (2, 20, False), (3, 60, True), (4, 100, False), (4, 200, True), (21, 1000, False)],
)
def test_three_rows_or_two_percent_are_a_slip(count: int, total: int, is_odd: bool) -> None:
    assert is_odd_count(count, total) == is_odd


def test_fields_are_listed_from_the_top_in_the_order_of_the_answers() -> None:
    root = gather({"a": {"b": 1, "c": [{"d": 1}]}, "e": 1})
    assert [field.path for field in list_fields(root)] == ["", "a", "a.b", "a.c", "a.c[]", "a.c[].d", "e"]


def test_a_rare_key_is_a_slip_for_a_common_one_that_is_never_beside_it() -> None:
    assert find_misspelt_keys(gather(*[{"items": 1}] * 20, {"item": 1})) == {"item": "items"}
    assert find_misspelt_keys(gather(*[{"items": 1}] * 20, {"item": 1, "items": 1})) == {}
    assert find_misspelt_keys(gather(*[{"items": 1}] * 20, *[{"item": 1}] * 3)) == {}


def test_a_slip_explains_what_is_missing_and_what_is_too_many() -> None:
    (odd,) = find_odd_keys(gather(*[{"total": 1, "date": 1}] * 30, {"totl": 1, "date": 1}))
    assert (odd.missing, odd.extra, odd.misspelt) == ((), (), {"totl": "total"})
    assert list(odd.sightings.lines) == [31]


def test_keys_are_judged_by_the_kind_of_object() -> None:
    orders, cancels = [{"type": "order", "item": 1}] * 60, [{"type": "cancel", "order": 1}] * 3
    assert list(find_odd_keys(gather(*orders, *cancels))) == []
    (odd,) = find_odd_keys(gather(*orders, *cancels, {"type": "order"}))
    assert (odd.missing, list(odd.sightings.lines)) == (("item",), [64])


def test_an_object_of_a_rare_kind_needs_what_every_kind_has() -> None:
    rows = [*[{"type": "order", "item": 1}] * 40, *[{"type": "cancel", "order": 1}] * 40, {}]
    (odd,) = find_odd_keys(gather(*rows))
    assert (odd.missing, list(odd.sightings.lines)) == (("type",), [81])


def test_keys_that_come_and_go_are_not_missed() -> None:
    rows = [{"a": 1} | ({"b": 1} if number % 5 else {}) | ({"c": 1} if number % 3 else {}) for number in range(100)]
    assert list(find_odd_keys(gather(*rows, {"a": 1, "d": 1}))) == []


def test_null_and_whole_numbers_are_no_other_type() -> None:
    rows = [*[{"v": WrittenFloat("1.5")}] * 30, {"v": 1}, {"v": None}]
    assert list(find_odd_types(gather(*rows).children["v"])) == []
    (odd,) = find_odd_types(gather(*rows, {"v": "1"}).children["v"])
    assert (odd.name, odd.common, odd.common_count, list(odd.sightings.lines)) == ("string", "number", 31, [33])


def test_a_value_is_a_slip_for_one_of_a_few_choices() -> None:
    field = values(*["refund"] * 30, *["order"] * 20, "refnud", "Refund", "other")
    assert [(odd.value, odd.intended) for odd in find_odd_values(field)] == [("refnud", "refund"), ("Refund", "refund")]
    assert [odd.value for odd in find_odd_values(field, is_label=True)] == ["refnud", "Refund", "other"]


def test_names_of_all_sorts_are_no_choices() -> None:
    assert (
        list(find_odd_values(values(*["Maria"] * 15, *(f"name {n}" for n in range(15)), "Mario"), is_label=True)) == []
    )


def test_labels_that_several_rows_have_stand_alone_no_more() -> None:
    assert list(find_odd_values(values(*["yes"] * 30, *["no"] * 30, "maybe", "maybe"), is_label=True)) == []


def test_two_spellings_of_one_label_are_one_too_many_however_frequent() -> None:
    field = values(*["positive"] * 200, *["Positive"] * 40, *["negative"] * 100)
    assert [(odd.value, odd.sightings.count) for odd in find_odd_values(field)] == [("Positive", 40)]


def test_a_value_that_repeats_its_prompt_is_as_right_as_the_others() -> None:
    texts = [*["Paris"] * 30, *["Rome"] * 30, "paris"]
    assert list(find_odd_values(values(*texts, prompts=[f"in {text}" for text in texts]))) == []
    assert [odd.value for odd in find_odd_values(values(*texts, prompts=["in paris"] * 61))] == ["paris"]


def test_a_notation_is_odd_when_ten_others_agree_against_it() -> None:
    iso = [f"2024-05-{day:02}" for day in range(1, 11)]
    (odd,) = find_odd_notations(values(*iso, "4.5.2024").notations, "date")
    assert (list(odd.sightings.lines), odd.sample, odd.common_count) == ([11], "2024-05-01", 10)
    assert list(find_odd_notations(values(*iso[1:], "4.5.2024").notations, "date")) == []
    assert list(find_odd_notations(values(*iso, "4.5.2024", "4.6.2024").notations, "date")) == []


def test_a_text_that_fits_both_notations_speaks_against_none() -> None:
    """Ninety whole numbers are no evidence for a decimal point."""
    assert list(find_odd_notations(values(*["12"] * 90, "1.5", "2,5").notations, "number")) == []
    assert list(find_odd_notations(values(*["12"] * 90, *["1.5"] * 10, *["2,5"] * 2).notations, "number")) == []
    assert len(list(find_odd_notations(values(*["12"] * 90, *["1.5"] * 18, *["2,5"] * 2).notations, "number"))) == 1
    assert list(find_odd_notations(values(*["13/01/2024"] * 20, "01/02/2024").notations, "date")) == []


def test_dates_that_repeat_their_prompts_are_as_right_as_the_others() -> None:
    texts = [*(f"May {day}" for day in range(1, 21)), "21 May"]
    assert list(find_odd_notations(values(*texts, prompts=texts).notations, "date")) == []


def test_a_text_that_is_no_date_is_found_among_dates() -> None:
    dates = [f"2024-05-{day:02}" for day in range(1, 29)]
    assert find_undated(values(*dates), "date") is None
    assert find_undated(values(*dates, "", " "), "date") is None
    odd = find_undated(values(*dates, "soon"), "date")
    assert odd is not None
    assert list(odd.sightings.lines) == [29]


def test_scores_and_ranges_are_no_dates() -> None:
    scores = [f"{1 + number % 10}/10" for number in range(40)]
    assert find_undated(values(*scores, "0/10"), "date") is None
    assert find_undated(values(*(f"0{score}" for score in scores[:9] * 3), "0/10"), "date") is not None


def test_decimals_are_a_habit_only_where_zeros_are_written() -> None:
    kept = [{"v": WrittenFloat(f"{number}.{number % 10}0")} for number in range(40)]
    dumped = [{"v": WrittenFloat(f"{number}.{11 + number % 9}")} for number in range(40)]
    odd = {"v": WrittenFloat("7.5")}
    assert [list(found.sightings.lines) for found in find_odd_decimals(gather(*kept, odd).children["v"])] == [[41]]
    assert list(find_odd_decimals(gather(*dumped, odd).children["v"])) == []
