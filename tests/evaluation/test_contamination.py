"""Cases that a model has met in training are found, exact and near, however its rows are known; others are not."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import TypeAdapter

from luthier.data.dataset import Dataset
from luthier.data.examples.orders import generate_rows
from luthier.data.reading import load_dataset
from luthier.data.splits.split import split_dataset
from luthier.evaluation.contamination import Contamination, find_contamination
from luthier.evaluation.task import build_samples
from luthier.evaluation.training_rows import Lessons, TrainingFile, find_lessons
from luthier.store.files import write_atomic
from tests.evaluation.results import build_result
from tests.support.learned import lose_rows, make_row, make_rows, register_learned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.data.dataset import Example
    from luthier.store.home import Home

LETTER = (
    "Dear sirs, on the fourth of May I sent back the green bicycle because its left pedal was bent, and I still wait "
    "for the two hundred francs that your Mrs Okafor promised me on the telephone the week before."
)
TRAIN = make_rows([(LETTER, "refund"), ("Where is the harbour?", "North."), ("Who opened the museum?", "Ines.")])


def check(train: Sequence[Example], test: Sequence[Example]) -> Contamination:
    samples = build_samples(Dataset("test", Path("test.jsonl"), tuple(test)))
    return find_contamination(samples, [Lessons("tuned", "rows", (TrainingFile("train.jsonl", tuple(train)),))])


def test_an_exact_leak_is_found_with_both_rows_side_by_side() -> None:
    test = make_rows([("Is it raining?", "No."), ("where is the HARBOUR", "North.")])
    found = check(TRAIN, test)
    (case,) = found.exact
    assert (case.model, case.line, case.train_file, case.train_line) == ("tuned", 2, "train.jsonl", 2)
    assert case.test_text == "where is the HARBOUR\nNorth."
    assert case.train_text == "Where is the harbour?\nNorth."
    assert found.is_void
    assert found.lines == (2,)


def test_a_near_leak_is_found_with_what_both_say() -> None:
    changed = LETTER.replace("green", "blue").replace("fourth", "third")
    found = check(TRAIN, [make_row(changed, "refund")])
    (case,) = found.near
    assert (case.line, case.train_line) == (1, 1)
    assert 0.8 <= case.similarity < 1
    assert case.shared in f"{LETTER}\nrefund"
    assert len(case.shared.split()) > 13
    assert found.is_void


def test_a_long_quotation_is_told_and_voids_nothing() -> None:
    quoting = f"Summarise for the board: {LETTER} Besides, {' '.join(f'word{number}' for number in range(80))}."
    found = check(TRAIN, [make_row(quoting, "A customer waits for a refund.")])
    assert [case.kind for case in found.cases] == ["quoted"]
    assert not found.is_void


def test_new_rows_of_the_same_task_are_clean() -> None:
    found = check(TRAIN, make_rows([("Where is the museum?", "South."), ("Who opened the harbour?", "Owen.")]))
    assert found.cases == ()


def test_the_same_question_of_another_task_is_no_leak() -> None:
    french = make_row("Where is the harbour?", "Au nord.", line=1, system="Answer in French.")
    german = make_row("Where is the harbour?", "Im Norden.", line=1, system="Answer in German.")
    others = [make_row("And the museum?", "Im Osten.", line=2, system="Answer in German.")]
    assert [case.kind for case in check([french], [german, *others]).cases] == ["quoted"]
    assert check([french], [replace(french, line=4), *others]).is_void


def test_a_split_of_our_own_is_clean(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    write_atomic(path, "".join(json.dumps(row) + "\n" for row in generate_rows(120)))
    splits = split_dataset(load_dataset(path))
    assert check(splits.train.examples, splits.test.examples).cases == ()


@pytest.mark.parametrize("keeps_rows", [True, False], ids=["by the rows", "by their imprint"])
def test_leaks_of_a_registered_model_are_found_wherever_the_test_comes_from(home: Home, *, keeps_rows: bool) -> None:
    register_learned(home, "letters", TRAIN)
    if not keeps_rows:
        lose_rows(home)
    changed = LETTER.replace("green", "blue")
    tests = make_rows([("Is it raining?", "No."), ("where is the harbour", "North."), (changed, "refund")])
    samples = build_samples(Dataset("elsewhere", Path("elsewhere.jsonl"), tests))
    found = find_contamination(samples, [find_lessons(home, "letters")])
    assert [(case.kind, case.line, case.train_line) for case in found.cases] == [("exact", 2, 2), ("near", 3, 1)]
    assert all(bool(case.train_text) == keeps_rows for case in found.cases)
    assert found.checks[0].depth == ("rows" if keeps_rows else "sketches")


def test_of_an_older_model_exact_prompts_are_found_by_their_hashes_and_the_rest_is_said(home: Home) -> None:
    register_learned(home, "case", TRAIN, keeps_imprint=False)
    lose_rows(home)
    samples = build_samples(Dataset("test", Path("t.jsonl"), make_rows([("New?", "Yes."), ("Old?", "Yes.")])))
    result = build_result("case", "pp", trained_on=(2,))
    found = find_contamination(samples, [find_lessons(home, "case")], results=[result])
    (case,) = found.cases
    assert (case.kind, case.line, case.train_line, case.train_text) == ("exact", 2, 0, "")
    assert found.notes == ("exact prompts only: neither the training rows of case nor sketches of them are kept.",)


def test_each_model_that_has_met_a_case_is_named() -> None:
    samples = build_samples(Dataset("test", Path("test.jsonl"), TRAIN[1:2]))
    file = TrainingFile("train.jsonl", TRAIN)
    found = find_contamination(samples, [Lessons("before", "rows", (file,)), Lessons("after", "rows", (file,))])
    assert [case.model for case in found.cases] == ["before", "after"]
    assert found.lines == (2,)


def test_one_leak_among_thousands_of_rows_is_found() -> None:
    dice = random.Random(0)
    words = [f"word{number}" for number in range(3000)]
    rows = make_rows([(" ".join(dice.choices(words, k=30)), str(number)) for number in range(3000)])
    tests = make_rows([(" ".join(dice.choices(words, k=30)), str(number)) for number in range(200)])
    leaked = replace(rows[2345], line=201)
    assert [(case.line, case.train_line) for case in check(rows, [*tests, leaked]).cases] == [(201, 2346)]


def test_what_was_found_survives_a_report() -> None:
    found = check(TRAIN, TRAIN[:2])
    adapter = TypeAdapter(Contamination)
    assert adapter.validate_json(adapter.dump_json(found)) == found


def test_another_task_on_the_same_text_is_a_quotation_by_imprint_as_by_rows(home: Home) -> None:
    register_learned(home, "letters", [make_row(LETTER, "refund", system="Name the department.")])
    test = Dataset("test", Path("t.jsonl"), (make_row(LETTER, "Mrs Okafor", system="Name the person."),))
    samples = build_samples(test)
    by_rows = find_contamination(samples, [find_lessons(home, "letters")])
    lose_rows(home)
    lessons = find_lessons(home, "letters")
    by_imprint = find_contamination(samples, [lessons])
    assert lessons.depth == "sketches"
    assert [[case.kind for case in found.cases] for found in (by_rows, by_imprint)] == [["quoted"], ["quoted"]]
