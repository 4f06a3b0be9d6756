"""The rows behind a registered model are found again by its lineage, and what is missing is said plainly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.evaluation.training_rows import TrainingFile, find_lessons
from luthier.models.deletion import delete_model
from tests.support.learned import lose_rows, make_rows, register_learned

if TYPE_CHECKING:
    from luthier.data.dataset import Example
    from luthier.store.home import Home

ROWS = make_rows([("Where is the harbour?", "North."), ("Who opened the museum?", "Ines.")])
LATER = make_rows([("What does the ferry cost?", "Nine francs.")])


def read_questions(examples: tuple[Example, ...]) -> list[str]:
    return [example.conversation.prompt[-1].content for example in examples]


def test_the_rows_of_a_model_are_found_by_its_name(home: Home) -> None:
    register_learned(home, "ferry", ROWS)
    lessons = find_lessons(home, "ferry")
    assert (lessons.depth, lessons.note, lessons.rows) == ("rows", "", 2)
    (file,) = lessons.files
    assert read_questions(file.examples) == ["Where is the harbour?", "Who opened the museum?"]


def test_rows_that_were_too_long_to_be_learned_do_not_count(home: Home) -> None:
    register_learned(home, "ferry", ROWS, learned=ROWS[:1])
    (file,) = find_lessons(home, "ferry").files
    assert read_questions(file.examples) == ["Where is the harbour?"]


def test_a_model_knows_what_the_one_it_goes_on_from_has_learned(home: Home) -> None:
    first = register_learned(home, "first", ROWS)
    register_learned(home, "second", LATER, start=first)
    lessons = find_lessons(home, "second")
    assert lessons.depth == "rows"
    assert [read_questions(file.examples) for file in lessons.files] == [
        ["What does the ferry cost?"],
        ["Where is the harbour?", "Who opened the museum?"],
    ]


def test_so_does_one_whose_base_was_tuned_as_a_whole(home: Home) -> None:
    register_learned(home, "whole", ROWS)
    register_learned(home, "adapted", LATER, base="whole")
    assert find_lessons(home, "adapted").rows == 3


def test_the_rows_outlive_the_model_that_learned_them_first(home: Home) -> None:
    first = register_learned(home, "first", ROWS)
    register_learned(home, "second", LATER, start=first)
    delete_model(home, "first")
    assert find_lessons(home, "second").rows == 3


def test_where_the_rows_are_gone_their_imprint_is_left(home: Home) -> None:
    register_learned(home, "ferry", ROWS)
    lose_rows(home)
    lessons = find_lessons(home, "ferry")
    assert (lessons.depth, lessons.files, lessons.rows) == ("sketches", (), 2)
    assert "are not kept any more" in lessons.note


def test_of_an_older_model_exact_prompts_alone_are_known_and_that_is_said(home: Home) -> None:
    register_learned(home, "ferry", ROWS, keeps_imprint=False)
    lose_rows(home)
    lessons = find_lessons(home, "ferry")
    assert (lessons.depth, lessons.rows) == ("prompts", 0)
    assert lessons.note.startswith("exact prompts only")


def test_rows_beside_the_test_are_taken_where_the_card_knows_them_all(home: Home) -> None:
    register_learned(home, "ferry", ROWS, keeps_imprint=False)
    lose_rows(home)
    strangers = make_rows([("Is it raining?", "No.")])
    lessons = find_lessons(home, "ferry", read_beside=lambda: TrainingFile("train.jsonl", (*ROWS, *strangers)))
    assert (lessons.depth, lessons.rows) == ("rows", 2)
    assert find_lessons(home, "ferry", read_beside=lambda: TrainingFile("train.jsonl", ROWS[:1])).depth == "prompts"


def test_a_damaged_imprint_ends_nothing(home: Home) -> None:
    model = register_learned(home, "ferry", ROWS)
    lose_rows(home)
    (model.folder / "imprint-0.npz").write_bytes(b"?")
    assert find_lessons(home, "ferry").depth == "prompts"


def test_of_bases_and_hosted_models_nothing_can_be_known(home: Home) -> None:
    base, hosted = find_lessons(home, "smollm2-135m"), find_lessons(home, "openai:gpt-4o-mini")
    assert {base.depth, hosted.depth} == {"nothing"}
    assert "pretraining cannot be checked" in base.note
    assert "known to whoever trained it" in hosted.note
