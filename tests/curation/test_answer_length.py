"""A lone answer of odd length stands out; a second kind of length does not."""

from __future__ import annotations

import numpy as np

from luthier.curation.answer_length import score_length
from luthier.curation.candidates import read_candidates
from tests.curation.requests import build_example, embed


def score(lengths: list[int]) -> np.ndarray:
    examples = [build_example(f"question {n}", "x" * length, n) for n, length in enumerate(lengths, 1)]
    return score_length(read_candidates(examples, embed)).suspicions


def test_an_answer_of_ten_thousand_characters_among_short_ones_stands_out() -> None:
    suspicions = score([*range(40, 100), 10_000])
    assert np.flatnonzero(suspicions).tolist() == [60]
    assert suspicions[60] == 1


def test_many_long_answers_are_a_kind_of_their_own() -> None:
    assert score([*range(40, 60)] * 3 + [900, 950, 990, 1000, 1010, 1050]).max() == 0


def test_answers_of_equal_length_have_no_outliers() -> None:
    assert score([5] * 30).max() == 0
