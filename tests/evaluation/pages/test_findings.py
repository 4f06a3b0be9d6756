from __future__ import annotations

from dataclasses import replace

from luthier.evaluation.pages.findings import MOST_LEAKS_SHOWN, build_families, build_leaks, build_memory
from tests.evaluation.reports import TUNED, Made, make_contamination, make_findings, make_forgetting

GOOD, BAD = make_forgetting(TUNED, "", is_bad=False), make_forgetting(TUNED, "", is_bad=True)


def test_a_loss_is_told_in_its_unit_and_a_share_in_points() -> None:
    text, instructions, leakage = build_families(GOOD)
    assert (text.loss, text.worst) == ("+0.012 nats per token", "+0.032 nats per token")
    assert text.limit == "at most +0.05 nats per token is let pass"
    assert (instructions.loss, instructions.worst) == ("+2 points", "+10 points")
    assert instructions.limit == "at most +10 points is let pass"
    assert leakage.limit == "none is let pass"


def test_what_is_let_pass_is_left_unshaded_and_the_rest_is_not() -> None:
    text, _, leakage = build_families(GOOD)
    assert "forbidden" in text.chart
    assert "forbidden" not in leakage.chart


def test_states_become_words() -> None:
    assert [row.word for row in build_families(BAD)] == ["lost", "kept", "cannot tell"]
    assert [row.tone for row in build_families(BAD)] == ["failed", "passed", "open"]


def test_the_worst_examples_stand_side_by_side() -> None:
    example = build_families(BAD)[0].examples[0]
    assert example.baseline.text == "The capital of France is Paris."
    assert '"customer": "France"' in example.candidate.text


def test_evidence_of_a_leak_marks_what_both_rows_say() -> None:
    exact, near = build_leaks(make_contamination(TUNED, Made(), is_bad=True).cases)
    assert [piece.mark for piece in exact.test.pieces] == ["shared"]
    assert exact.source == "train.jsonl:17"
    assert near.train is None
    assert near.source == "a training row"


def test_only_the_first_leaks_are_shown() -> None:
    (case, _) = make_contamination(TUNED, Made(), is_bad=True).cases
    assert len(build_leaks([case] * 100)) == MOST_LEAKS_SHOWN


def test_memory_shows_both_rates_and_nothing_of_no_rows() -> None:
    probe = make_findings().memory
    assert probe is not None
    assert [row.passed for row in build_memory(probe)] == ["29 of 30", "27 of 30"]
    assert len(build_memory(replace(probe, train_passed=0, train_total=0))) == 1
