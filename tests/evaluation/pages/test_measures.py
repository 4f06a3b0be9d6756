from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.evaluation.effects import Effect, Guardrail
from luthier.evaluation.pages.measures import (
    build_effects,
    build_guardrails,
    build_main_difference,
    build_rate_row,
    build_slices,
)
from luthier.evaluation.slices import Slice
from luthier.stats.intervals import Interval
from tests.evaluation.reports import Made, make_report

EFFECT = Effect("exact", 0.5, 0.62, 0.12, Interval(0.02, 0.19), 0.01, 0.04, "better", 100, None)
GUARDRAIL = Guardrail("valid-json", 0.98, 0.96, -0.02, Interval(-0.06, 0.02), 0.05, "cannot_tell", 100, None)
REPORT = make_report(Made(base_passes_every=9))


def test_rates_are_those_of_the_report() -> None:
    row = build_rate_row(REPORT.candidate, REPORT)
    assert (row.rate, row.interval) == ("90%", "74.4% to 96.5%")
    assert "bar candidate" in row.chart
    assert REPORT.baseline is not None
    assert "bar candidate" not in build_rate_row(REPORT.baseline, REPORT).chart


def test_the_main_difference_says_how_sure_it_is() -> None:
    assert REPORT.comparison is not None
    row = build_main_difference(REPORT.comparison).rows[0]
    assert row.difference == "+76.7 points"
    assert "between +52.1 and +91.7 points" in row.evidence
    assert "exact McNemar test on the 25 cases that changed" in row.evidence


def test_clusters_are_told_in_place_of_the_test_that_they_rule_out() -> None:
    assert REPORT.comparison is not None
    row = build_main_difference(replace(REPORT.comparison, clusters=8)).rows[0]
    assert "McNemar" not in row.evidence
    assert "8 clusters" in row.evidence


def test_an_effect_goes_from_one_score_to_the_other_with_its_adjusted_p() -> None:
    (row,) = build_effects([EFFECT]).rows
    assert (row.numbers, row.difference, row.word, row.tone) == ("0.50 → 0.62", "+12 points", "better", "passed")
    assert row.evidence == "95% interval +2 to +19 points, p = 0.04, adjusted for the number of measures, 100 cases"
    (plain,) = build_effects([replace(EFFECT, adjusted_p_value=None, clusters=7)]).rows
    assert plain.evidence == "95% interval +2 to +19 points, p = 0.01, 100 cases in 7 clusters"


def test_all_effects_share_one_scale_that_holds_them_all() -> None:
    table = build_effects([EFFECT, replace(EFFECT, interval=Interval(-0.9, 0.9))])
    assert "+100" in table.axis
    assert 'x1="51.0%"' in table.rows[0].chart


@pytest.mark.parametrize(
    ("state", "word", "tone"),
    [("holds", "holds", "passed"), ("broken", "broken", "failed"), ("cannot_tell", "cannot tell", "open")],
)
def test_a_guardrail_shows_its_bound_against_its_margin(state, word: str, tone: str) -> None:  # type: ignore[no-untyped-def]
    (row,) = build_guardrails([replace(GUARDRAIL, state=state)]).rows
    assert (row.word, row.tone) == (word, tone)
    assert row.evidence == "at worst −6 points with 95% confidence, a loss of 5 points is let pass, 100 cases"
    assert "forbidden" in row.chart


def test_a_slice_keeps_its_own_numbers() -> None:
    each = Slice("prompt length", "short", 12, 0.25, 0.5, 0.25, Interval(-0.1, 0.5), 0.2, 0.4, "")
    (row,) = build_slices([each]).rows
    assert (row.rates, row.difference, row.interval) == ("25% → 50%", "+25 points", "−10 to +50 points")
    assert row.evidence == "p = 0.4"
