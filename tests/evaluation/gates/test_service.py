from __future__ import annotations

import pytest

from luthier.evaluation.costs import Cost
from luthier.evaluation.formats import FormatCheck
from luthier.evaluation.gates.evidence import Findings
from tests.evaluation.findings import build_latency
from tests.evaluation.results import decide

BETTER = ("f" * 30, "p" * 30)


def check_form(before: str, after: str) -> Findings:
    """One letter per case: x lacks the form."""
    invalid = [tuple(letter == "x" for letter in letters) for letters in (before, after)]
    return Findings(format=FormatCheck("valid-json", *invalid))


def test_more_answers_cut_off_than_before_block_a_better_model() -> None:
    """Proven, they speak against it; and few that may be chance leave the verdict open."""
    proven = decide("f" * 60, "p" * 48 + "t" * 12)
    assert proven.decision == "do_not_ship"
    assert "12 of 60 answers of orders-v1 (20%) were cut off" in proven.reasons[1]
    open_one = decide("f" * 30, "p" * 26 + "tttt")
    assert open_one.decision == "cannot_tell"
    assert "4 of 30 answers of orders-v1 (13.3%) were cut off" in open_one.reasons[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [("f" * 30, "p" * 27 + "ttt"), ("t" * 30, "p" * 20 + "t" * 10)],
    ids=["ten percent is allowed", "no more than the baseline is allowed"],
)
def test_few_answers_cut_off_do_not_block(before: str, after: str) -> None:
    assert decide(before, after).decision == "ship"


def test_answers_that_lose_their_form_block_a_better_model() -> None:
    lost = decide(*BETTER, findings=check_form("." * 30, "x" * 12 + "." * 18))
    assert lost.decision == "do_not_ship"
    assert "12 of 30 answers of orders-v1 (40%) do not have the form that is wanted (valid-json)" in lost.reasons[1]
    assert decide(*BETTER, findings=check_form("." * 30, "xx" + "." * 28)).decision == "cannot_tell"
    assert decide(*BETTER, findings=check_form("." * 30, "x" + "." * 29)).decision == "ship"
    assert decide(*BETTER, findings=check_form("x" * 30, "x" * 25 + "." * 5)).decision == "ship"


def test_a_slow_model_is_shipped_until_somebody_sets_a_limit() -> None:
    findings = Findings(latency=(build_latency("smollm2", 1.0), build_latency("orders-v1", 3.0)))
    assert decide(*BETTER, findings=findings).decision == "ship"
    assert decide(*BETTER, findings=findings, latency_seconds=3.5).decision == "ship"
    for limits in ({"latency_seconds": 2}, {"latency_ratio": 2}, {"latency_seconds": 2, "latency_ratio": 9}):
        verdict = decide(*BETTER, findings=findings, **limits)
        assert verdict.decision == "do_not_ship"
        assert (
            "An answer of orders-v1 takes 3.0 s (the median of 5), and at most 2.0 s is allowed" in verdict.reasons[1]
        )


def test_a_limit_on_what_was_not_measured_leaves_the_verdict_open() -> None:
    findings = Findings(unmeasured={"latency": "not asked for"}, costs=(Cost("orders-v1", None, "no price is known"),))
    assert decide(*BETTER, findings=findings).decision == "ship"
    slow = decide(*BETTER, findings=findings, latency_seconds=2)
    assert (slow.decision, "was not measured: not asked for" in slow.reasons[1]) == ("cannot_tell", True)
    alone = Findings(latency=(build_latency("orders-v1", 3.0),))
    assert decide(*BETTER, findings=alone, latency_ratio=2).decision == "cannot_tell"
    dear = decide(*BETTER, findings=findings, dollars_per_thousand=1)
    assert (dear.decision, "it is not known: no price is known" in dear.reasons[1]) == ("cannot_tell", True)


def test_a_dear_model_is_shipped_until_somebody_sets_a_limit() -> None:
    findings = Findings(costs=(Cost("orders-v1", 1.5, "2.0 s an answer"),))
    assert decide(*BETTER, findings=findings).decision == "ship"
    assert decide(*BETTER, findings=findings, dollars_per_thousand=1.5).decision == "ship"
    verdict = decide(*BETTER, findings=findings, dollars_per_thousand=1.4)
    assert verdict.decision == "do_not_ship"
    assert "A thousand answers of orders-v1 cost $1.50 (2.0 s an answer), and at most $1.40" in verdict.reasons[1]
