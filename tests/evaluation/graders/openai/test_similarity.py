"""Every metric tells the same from the different, on a scale from 0 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
from rapidfuzz.fuzz import WRatio
from sacrebleu.metrics import BLEU

from luthier.engine.protocol import EmbeddedTexts
from luthier.errors import InvalidRequest
from luthier.evaluation.graders.openai.definition import Metric
from luthier.evaluation.graders.openai.similarity import METRICS, measure_similarity

if TYPE_CHECKING:
    from collections.abc import Sequence

SENTENCE = "the quick brown fox jumps over the lazy dog near the old mill"
OTHER = "a quick brown fox jumped over one lazy dog by the mill"


def embed_by_letters(texts: Sequence[str]) -> EmbeddedTexts:
    counts = np.array([[text.count(letter) for letter in "abc"] for text in texts], dtype=np.float32)
    return EmbeddedTexts(counts / np.linalg.norm(counts, axis=1, keepdims=True), [1] * len(texts))


def measure(metric: str, text: str, reference: str) -> float:
    return measure_similarity(metric, text, reference, embed=embed_by_letters)


def test_there_is_a_measure_for_every_metric_of_openai() -> None:
    assert {"cosine", *METRICS} == set(get_args(Metric))


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_the_same_is_near_one_and_the_different_is_less(metric: str) -> None:
    assert 0.99 <= measure(metric, SENTENCE, SENTENCE) <= 1.0
    assert 0.0 <= measure(metric, SENTENCE, OTHER) < 0.9
    assert measure(metric, "qqq", "zzz") == 0.0


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize(("text", "reference"), [("", ""), ("", "x"), ("x", ""), ("  ", "x")])
def test_texts_without_words_are_measured_too(metric: str, text: str, reference: str) -> None:
    assert measure(metric, text, reference) == 0.0


def test_cosine_is_of_the_vectors_and_never_below_zero() -> None:
    assert measure("cosine", "aab", "aab") == pytest.approx(1.0)
    assert measure("cosine", "aa", "b") == 0.0
    assert measure("cosine", "ab", "a") == pytest.approx(0.5**0.5)


def test_fuzzy_match_and_bleu_are_those_of_their_libraries() -> None:
    assert measure("fuzzy_match", SENTENCE, OTHER) == WRatio(SENTENCE, OTHER) / 100
    theirs = BLEU(effective_order=True).sentence_score(OTHER, [SENTENCE]).score / 100
    assert measure("bleu", OTHER, SENTENCE) == pytest.approx(theirs)


def test_texts_that_would_take_minutes_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="at most 100,000 characters"):
        measure("rouge_l", "x" * 100_001, "x")
    with pytest.raises(InvalidRequest, match="takes too long"):
        measure("fuzzy_match", "x " * 4_000, "y " * 1_000)
    assert measure("fuzzy_match", "x " * 4_000, "x " * 4_000) == 1.0
