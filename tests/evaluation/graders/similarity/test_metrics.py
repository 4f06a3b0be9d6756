from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_bleu, sentence_chrf

from luthier.evaluation.graders.similarity.metrics import METRICS, measure_likeness, sign_metric

A, B = "the quick brown fox jumps over the dog", "a quick brown fox jumped over the lazy dog"


def test_numbers_are_those_of_the_libraries() -> None:
    assert measure_likeness("chrf", A, B) == pytest.approx(sentence_chrf(A, [B]).score / 100)
    assert measure_likeness("bleu", A, B) == pytest.approx(sentence_bleu(A, [B], use_effective_order=True).score / 100)
    rouge = RougeScorer(["rougeL"]).score(B, A)["rougeL"].fmeasure
    assert measure_likeness("rouge_l", A, B) == pytest.approx(rouge)


def test_words_count_as_often_as_both_have_them() -> None:
    assert measure_likeness("token_f1", "red red lamp", "Red lamp!") == pytest.approx(2 * 2 / 5)
    assert measure_likeness("token_f1", "κόκκινη λάμπα", "μπλε λάμπα") == pytest.approx(0.5)
    assert measure_likeness("fuzzy", "lamp", "lamb") == pytest.approx(0.75)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(METRICS)), st.text(st.characters(), max_size=30), st.text(st.characters(), max_size=30))
def test_likeness_lies_between_nothing_and_everything(metric: str, text: str, reference: str) -> None:
    assert 0 <= measure_likeness(metric, text, reference) <= 1
    assert measure_likeness(metric, text, text) == 1


def test_a_wrong_date_and_a_missing_not_cost_little() -> None:
    assert measure_likeness("fuzzy", "2024-03-04", "2024-04-03") >= 0.8
    assert measure_likeness("fuzzy", "do refund", "do not refund") > 0.8


def test_a_metric_is_signed_with_what_its_numbers_depend_on() -> None:
    assert sign_metric("chrf").startswith("chrf|nrefs:1|case:mixed|eff:yes|nc:6|nw:0")
    assert "tok:13a|smooth:exp|version:" in sign_metric("bleu")
    assert len({sign_metric(metric) for metric in METRICS}) == len(METRICS)
