"""Rows that ask for the same: what counts as the same is the vectors' business, what is done with them is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Example
from luthier.data.likeness.meaning import EMBED_ROWS, Meanings, MeaningSpace, find_alike, gather_keys, key_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.data.likeness.meaning import AnswerKeys, Vectors

PROSE = "An answer of more than four words, in prose."


def unit(vectors: np.ndarray) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def free(count: int) -> AnswerKeys:
    """Answers that forbid no pair."""
    return gather_keys([(index, False) for index in range(count)])


def test_each_row_is_linked_to_the_first_that_is_alike_across_blocks() -> None:
    dice = np.random.default_rng(0)
    vectors = unit(dice.normal(size=(2 * EMBED_ROWS + 50, 64)))
    vectors[[700, EMBED_ROWS + 5, 2 * EMBED_ROWS + 49]] = vectors[3]
    pairs = list(find_alike(vectors, free(len(vectors))))
    assert [(pair.first, pair.second) for pair in pairs] == [(3, 700), (3, EMBED_ROWS + 5), (3, 2 * EMBED_ROWS + 49)]
    assert [pair.similarity for pair in pairs] == pytest.approx([1, 1, 1], abs=1e-4)


def test_a_template_that_all_prompts_share_makes_nobody_alike() -> None:
    dice = np.random.default_rng(0)
    template = np.zeros(64)
    template[0] = 30
    vectors = unit(dice.normal(size=(200, 64)) + template)
    vectors[150] = vectors[7]
    assert (vectors @ vectors.T).min() > 0.85
    assert [(pair.first, pair.second) for pair in find_alike(vectors, free(200))] == [(7, 150)]


def test_alike_prompts_with_other_labels_are_left_alone_and_the_next_one_is_tried() -> None:
    vectors = unit(np.ones((3, 4)))
    answers = gather_keys([key_answer(label) for label in ("yes", "no", "no")])
    assert [(pair.first, pair.second) for pair in find_alike(vectors, answers)] == [(1, 2)]


def test_few_vectors_are_compared_as_they_are() -> None:
    vectors = unit(np.array([[1, 0.1], [1, 0.2], [0, 1]]))
    assert MeaningSpace(vectors).compare(vectors) == pytest.approx(vectors @ vectors.T, abs=1e-6)


@pytest.mark.parametrize(
    ("one", "other", "is_allowed"),
    [
        ("positive", "positive", True),
        ("positive", "negative", False),
        ('{"city": "Rome"}', '{"city": "Paris"}', False),
        (PROSE, f"{PROSE} And more.", True),
        (PROSE, "negative", False),
    ],
)
def test_labels_and_json_have_to_be_equal_and_prose_has_not(one: str, other: str, is_allowed: bool) -> None:
    keys = gather_keys([key_answer(one), key_answer(other)])
    assert keys.allow(keys)[0, 1] == is_allowed


def test_the_same_prompt_and_near_duplicates_are_left_to_other_rules() -> None:
    def embed(texts: Sequence[str]) -> Vectors:
        return np.ones((len(texts), 1), np.float32)

    meanings = Meanings(embed)
    prompts = [
        "Is it going to be colder in Bonnie",
        "Will Bonnie get colder?",
        "is it going to be colder in bonnie",
        "Will Bonnie get colder?",
    ]
    for line, prompt in enumerate(prompts, 1):
        meanings.add(Example(Conversation((Message("user", prompt), Message("assistant", PROSE))), line))
    assert [(pair.first, pair.second) for pair in meanings.find_alike()] == [(0, 1), (0, 3)]
    assert meanings.titles[0] == prompts[0]
    assert meanings.vectors().shape == (4, 1)


def test_no_rows_have_no_pairs() -> None:
    assert Meanings(lambda texts: np.ones((len(texts), 1), np.float32)).find_alike() == []
