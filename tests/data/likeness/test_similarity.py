"""Near-duplicates: none at the threshold is missed, none is made up, and crowds cost no more than loners."""

from __future__ import annotations

import random

import numpy as np
import pytest

from luthier.data.likeness.similarity import (
    NEAR,
    Edges,
    Groups,
    Pair,
    choose_band_bytes,
    find_similar,
    group_rows,
    group_similar,
    measure_similarity,
)
from luthier.data.likeness.sketches import SKETCH_BYTES, RowText, sketch_rows, sketch_texts

VOCABULARY = [f"word{number}" for number in range(5000)]
LONG = " ".join(VOCABULARY[:60])


def random_texts(count: int, *, seed: int, words: int = 60) -> list[str]:
    dice = random.Random(seed)
    return [" ".join(dice.choices(VOCABULARY, k=words)) for _ in range(count)]


@pytest.mark.parametrize(("a", "b", "similarity"), [("a b c", "a b c", 1), ("a b c", "x y", 0), ("a b", "a c", 1 / 5)])
def test_similarity_is_the_jaccard_index_of_padded_word_pairs(a: str, b: str, similarity: float) -> None:
    assert measure_similarity(a, b) == pytest.approx(similarity)


@pytest.mark.parametrize(
    "other",
    [LONG.upper(), LONG.replace(" ", " , "), f"Please {LONG}!", LONG.replace("word30", "another")],
    ids=["case", "punctuation", "please", "one word"],
)
def test_copies_with_a_small_change_are_near(other: str) -> None:
    assert measure_similarity(LONG, other) >= NEAR
    assert [(pair.first, pair.second) for pair in find_similar(sketch_texts([LONG, "x y z", other]))] == [(0, 2)]
    assert group_similar([LONG, "x y z", other]) == [0, 1, 0]


def test_one_slot_in_a_short_template_makes_another_row() -> None:
    rows = [RowText(f"Book a table at {place} for two", f'{{"restaurant": "{place}"}}') for place in VOCABULARY[:200]]
    assert list(find_similar(sketch_rows(rows))) == []
    assert group_rows(rows) == [*range(200)]


@pytest.mark.parametrize("threshold", [0.6, 0.7, 0.8, 0.9])
def test_bands_bring_together_what_they_claim(threshold: float) -> None:
    """By simulation on bytes that agree as those of two rows at the threshold do."""
    dice = np.random.default_rng(0)
    size = choose_band_bytes(threshold)
    agree = dice.random((20_000, SKETCH_BYTES)) < threshold + (1 - threshold) / 256
    bands = agree[:, : SKETCH_BYTES // size * size].reshape(len(agree), -1, size)
    assert bands.all(axis=2).any(axis=1).mean() >= 0.99
    assert choose_band_bytes(0.8) == 6


def test_pairs_at_the_threshold_are_found_among_thousands_of_others() -> None:
    """One changed word in 17 leaves a similarity of 0.8: of such pairs all are found whose estimate says so."""
    texts = random_texts(3000, seed=1, words=17)
    copies = [
        " ".join(["new" if place == 8 else word for place, word in enumerate(text.split())]) for text in texts[:500]
    ]
    assert measure_similarity(texts[0], copies[0]) == pytest.approx(0.8)
    sketches = sketch_texts([*texts, *copies])
    near = [index for index in range(500) if (sketches[index] == sketches[3000 + index]).mean() >= 0.8 + 0.2 / 256]
    found = {(pair.first, pair.second) for pair in find_similar(sketches)}
    assert len(near) > 150
    assert sum((index, 3000 + index) in found for index in near) >= 0.99 * len(near)
    assert all(second - first == 3000 for first, second in found)


def test_pairs_are_found_in_a_crowd_that_shares_half_of_their_words() -> None:
    dice = random.Random(2)
    head = " ".join(VOCABULARY[:12])
    texts = [f"{head} {' '.join(dice.choices(VOCABULARY, k=6))}" for _ in range(4000)]
    copies = [f"{text} thanks" for text in texts[:100]]
    found = {(pair.first, pair.second) for pair in find_similar(sketch_texts([*texts, *copies]), threshold=0.75)}
    assert sum((index, 4000 + index) in found for index in range(100)) >= 95


def test_a_hundred_thousand_equal_rows_are_each_linked_to_the_first() -> None:
    sketches = np.repeat(sketch_texts(["other", LONG]), [1, 100_000], axis=0)
    pairs = list(find_similar(sketches))
    assert len(pairs) == 99_999
    assert {pair.first for pair in pairs} == {1}
    assert {pair.similarity for pair in pairs} == {1.0}


def test_a_crowd_of_near_copies_takes_as_many_pairs_as_rows() -> None:
    words = LONG.split()
    texts = [LONG, *(" ".join([*words[:place], "new", *words[place + 1 :]]) for place in range(60))]
    pairs = list(find_similar(sketch_texts(texts)))
    assert len(pairs) < 2 * len(texts)
    assert sum(pair.first == 0 for pair in pairs) > 50
    assert group_similar(texts) == [0] * 61


def test_a_row_is_linked_to_its_like_though_that_is_not_the_first_of_the_group() -> None:
    """The second is like the first, and the third like the second alone."""
    words = VOCABULARY[:60]
    chain = [" ".join(words[start : start + 50]) for start in (0, 3, 6)]
    assert measure_similarity(chain[0], chain[2]) < NEAR < measure_similarity(chain[0], chain[1])
    assert group_similar(chain) == [0, 0, 0]
    pairs = [(pair.first, pair.second) for pair in find_similar(sketch_texts(chain))]
    assert pairs == [(0, 1), (1, 2)]


def test_every_link_of_a_group_is_verified() -> None:
    """At 0.76, many an estimate says 0.8."""
    texts = random_texts(200, seed=3, words=14)
    copies = [" ".join(["new" if place == 7 else word for place, word in enumerate(text.split())]) for text in texts]
    assert measure_similarity(texts[0], copies[0]) < NEAR
    assert len(list(find_similar(sketch_texts([*texts, *copies])))) > 20
    assert group_similar([*texts, *copies]) == [*range(400)]


def test_texts_of_a_word_are_not_alike_by_chance() -> None:
    assert list(find_similar(sketch_texts(VOCABULARY), threshold=0.4)) == []


def test_empty_texts_are_alike_and_none_is_no_group() -> None:
    assert group_similar(["", "!", "a"]) == [0, 0, 2]
    assert group_similar([]) == []
    assert list(find_similar(sketch_texts([]))) == []
    assert list(find_similar(sketch_texts(["a"]))) == []
    assert list(find_similar(sketch_texts(["", "?"]))) == [Pair(0, 1, 1.0)]


def test_groups_are_named_by_their_lowest_member() -> None:
    groups = Groups(6)
    groups.join(Edges(np.array([4, 2, 1]), np.array([5, 4, 3])))
    assert groups.roots.tolist() == [0, 1, 2, 1, 2, 2]
    assert groups.find_separate(Edges(np.array([2, 0]), np.array([5, 5]))).first.tolist() == [0]
