"""Measures of shared words agree with the libraries that others use, and with every script."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.gleu_score import sentence_gleu
from rouge_score.rouge_scorer import RougeScorer

from luthier.evaluation.graders.openai.overlap import (
    Pair,
    count_chunks,
    list_words,
    measure_gleu,
    measure_meteor,
    measure_rouge_l,
    measure_rouge_n,
    pair_words,
)

sentences = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "near", "red"]), max_size=12).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(sentences, sentences)
def test_rouge_is_that_of_rouge_score(text: str, reference: str) -> None:
    kinds = ["rouge1", "rouge2", "rouge3", "rouge4", "rouge5", "rougeL"]
    theirs = RougeScorer(kinds).score(reference, text)
    for order in range(1, 6):
        assert measure_rouge_n(text, reference, order) == pytest.approx(theirs[f"rouge{order}"].fmeasure)
    assert measure_rouge_l(text, reference) == pytest.approx(theirs["rougeL"].fmeasure)


@settings(max_examples=60, deadline=None)
@given(sentences.filter(bool), sentences.filter(bool))
def test_gleu_is_that_of_nltk(text: str, reference: str) -> None:
    assert measure_gleu(text, reference) == pytest.approx(sentence_gleu([reference.split()], text.split()))


@pytest.mark.parametrize(
    ("text", "reference", "score"),
    [
        # By hand: 6 matches in 1 chunk; P = 1, R = 1, penalty = 0.5 (1/6)^3.
        ("the cat sat on the mat", "the cat sat on the mat", 1 - 0.5 / 216),
        # 3 of 4 and 3 of 5 words in 1 chunk: P = 3/4, R = 3/5, penalty = 0.5 (1/3)^3.
        ("a b c x", "a b c y z", (0.75 * 0.6 / (0.9 * 0.75 + 0.1 * 0.6)) * (1 - 0.5 / 27)),
        # 2 matches in 2 chunks, for they are the other way round.
        ("b a", "a b", 0.5),
        # "cats" and "cat" have one stem.
        ("red cats", "red cat", 1 - 0.5 / 8),
        ("x", "y", 0.0),
        ("", "y", 0.0),
    ],
)
def test_meteor_is_that_of_its_paper(text: str, reference: str, score: float) -> None:
    assert measure_meteor(text, reference) == pytest.approx(score)


def test_words_are_paired_with_those_that_follow() -> None:
    """The second `the` belongs to `mat`, though the first one comes earlier."""
    pairs = pair_words(list_words("sat on the mat"), list_words("the cat sat on the mat"))
    assert pairs == [Pair(0, 2), Pair(1, 3), Pair(2, 4), Pair(3, 5)]
    assert count_chunks(pairs) == 1


@pytest.mark.parametrize("text", ["Привет мир", "Καλημέρα κόσμε", "안녕하세요 세계", "straße 5"])
def test_words_of_every_script_count(text: str) -> None:
    assert len(list_words(text)) == 2
    assert measure_rouge_n(text, text.lower(), 1) == 1.0
