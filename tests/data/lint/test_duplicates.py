"""Duplicates: what one rule says, the other does not repeat, and a template does not fill the screen."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest

from luthier.data.check import check_file
from luthier.data.examples import example_path
from luthier.data.likeness.meaning import Meanings
from luthier.data.likeness.similarity import Pair
from luthier.data.lint.duplicates import ExactDuplicate, SameMeaning, keep_closest
from tests.data.rows import ask, many, sound_examples, write

SNIPS = Path(__file__).parents[4] / "shared" / "data" / "snips.jsonl"
QUESTION = "My neighbour borrowed a book on my card in spring and moved away without bringing it back. What can I do?"


def find(path: Path, code: str) -> list[tuple[int | None, int | None]]:
    return [(finding.line, finding.related_line) for finding in check_file(path).findings if finding.code == code]


def test_the_same_row_is_no_near_duplicate_and_neither_is_another_answer(tmp_path: Path) -> None:
    rows = [ask(QUESTION, "Tell us."), *many(5), ask(QUESTION, "Tell us."), ask(QUESTION, "Tell them.")]
    path = write(tmp_path / "a.jsonl", *rows)
    assert find(path, "LD901") == [(7, 1)]
    assert find(path, "LD902") == []


def test_a_copy_of_a_near_duplicate_is_told_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ask(QUESTION), *many(5), ask(QUESTION.upper()), ask(QUESTION.upper()))
    assert find(path, "LD901") == [(8, 7)]
    assert find(path, "LD902") == [(7, 1)]


def test_near_duplicates_say_how_much_is_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ask(QUESTION), *many(5), ask(f"Hello. {QUESTION}"), ask(QUESTION.upper()))
    messages = [finding.message for finding in check_file(path).findings if finding.code == "LD902"]
    assert re.fullmatch(r"the row has about [89]\d% the same words as line 1", messages[0])
    assert messages[1] == "the row has the same words as line 1"


def test_a_file_of_copies_is_one_fact(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *(ask(f"{QUESTION} {number}") for number in range(150)))
    assert find(path, "LD902") == [(None, None)]


def test_rows_of_a_long_template_are_not_duplicates(tmp_path: Path) -> None:
    dice = random.Random(0)
    words = [f"word{number}" for number in range(2000)]
    template = " ".join(words[:120])
    rows = [ask(f"{template} Review: {' '.join(dice.choices(words, k=9))}", "positive") for _ in range(200)]
    assert find(write(tmp_path / "a.jsonl", *rows), "LD902") == []


def test_a_fixed_file_has_lost_the_later_row() -> None:
    assert ExactDuplicate().fix
    assert ExactDuplicate().mend(json.loads(ask("a"))) is None


def test_prompts_that_a_model_cannot_tell_apart_are_one_fact(tmp_path: Path) -> None:
    meanings = Meanings(lambda texts: np.ones((len(texts), 4), np.float32) / 2)
    dice = random.Random(0)
    for example in sound_examples(
        write(tmp_path / "a.jsonl", *(ask(f"{dice.random()} {dice.random()}") for _ in range(49)))
    ):
        meanings.add(example)
    assert len([*SameMeaning().check(meanings)]) == 48


@pytest.mark.parametrize(
    ("path", "exact"),
    [
        (example_path(), []),
        pytest.param(
            SNIPS, [(363, 356), (421, 86)], marks=pytest.mark.skipif(not SNIPS.is_file(), reason="not a user's file")
        ),
    ],
    ids=["orders", "snips"],
)
def test_sound_files_hold_no_near_duplicates(path: Path, exact: list[tuple[int, int]]) -> None:
    assert find(path, "LD901") == exact
    assert find(path, "LD902") == []


def test_a_row_like_several_is_told_once_with_the_closest() -> None:
    pairs = [Pair(0, 2, 0.81), Pair(1, 2, 0.95), Pair(0, 1, 0.84)]
    assert keep_closest(pairs) == [Pair(0, 1, 0.84), Pair(1, 2, 0.95)]
