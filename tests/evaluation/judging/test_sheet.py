"""The table that people label is blind, holds both kinds of answers, and comes back from a spreadsheet as it went."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.data.dataset import Dataset
from luthier.errors import UsageError
from luthier.evaluation.judging.sheet import choose_answers, make_key, read_sample_id, write_sheet
from luthier.evaluation.result import ModelResult
from luthier.evaluation.task import build_samples
from tests.evaluation.results import build_result
from tests.support.learned import make_rows

if TYPE_CHECKING:
    from luthier.evaluation.task import Sample

ROWS = make_rows([(f"What is {number} plus one?", str(number + 1)) for number in range(60)])
SAMPLES = build_samples(Dataset("sums", Path("sums.jsonl"), ROWS))


def answer(name: str, letters: str, outputs: list[str] | None = None) -> ModelResult:
    result = build_result(name, letters)
    texts = outputs or [f"{name} says {number}" for number in range(len(letters))]
    outcomes = (
        replace(outcome, sample_id=sample.id, output=text)
        for sample, outcome, text in zip(samples_of(letters), result.outcomes, texts, strict=True)
    )
    return replace(result, outcomes=tuple(outcomes))


def samples_of(letters: str) -> tuple[Sample, ...]:
    return SAMPLES[: len(letters)]


def test_half_passed_and_half_failed_as_far_as_there_are() -> None:
    results = [answer("tuned", "p" * 54 + "f" * 6), answer("base", "p" * 60)]
    chosen = choose_answers(SAMPLES, results, 40, seed="a")
    assert (len(chosen), sum(not each.passed for each in chosen)) == (40, 6)
    even = choose_answers(SAMPLES, [answer("tuned", "pf" * 30)], 40, seed="a")
    assert sum(each.passed for each in even) == 20
    assert [each.passed for each in even] != sorted(each.passed for each in even)


def test_the_same_seed_chooses_the_same_answers() -> None:
    results = [answer("tuned", "pf" * 30)]
    assert choose_answers(SAMPLES, results, 20, seed="a") == choose_answers(SAMPLES, results, 20, seed="a")
    assert choose_answers(SAMPLES, results, 20, seed="a") != choose_answers(SAMPLES, results, 20, seed="b")


def test_what_both_models_say_is_labelled_once_and_what_was_not_graded_never() -> None:
    one, two = answer("tuned", "pftug", ["a", "b", "c", "", "e"]), answer("base", "pffff", ["a", "x", "y", "z", "z"])
    chosen = choose_answers(samples_of("pftug"), [one, two], 40, seed="a")
    assert sorted(each.text for each in chosen) == ["a", "b", "x", "y", "z", "z"]
    with pytest.raises(UsageError, match="no graded answer"):
        choose_answers(samples_of("t"), [answer("tuned", "t", ["c"])], 40, seed="a")


def test_the_table_is_blind_and_ready_to_be_filled_in() -> None:
    text = write_sheet(choose_answers(SAMPLES, [answer("tuned", "pf" * 30, ["=HYPERLINK(1)"] * 60)], 4, seed="a"))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["key", "question", "wanted", "answer", "passed", "note"]
    assert {row["passed"] for row in rows} == {""}
    assert {row["answer"] for row in rows} == {"'=HYPERLINK(1)"}
    assert "tuned" not in text
    assert all(row["question"].startswith("What is ") for row in rows)


def test_a_key_names_its_case_and_survives_other_line_ends() -> None:
    key = make_key("c0ffee-2", "one\ntwo")
    assert read_sample_id(key) == "c0ffee-2"
    assert key == make_key("c0ffee-2", "one \r\ntwo\r\n")
    assert key != make_key("c0ffee-2", "one\ntoo")
