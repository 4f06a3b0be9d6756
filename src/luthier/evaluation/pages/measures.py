"""Rates, effects and guardrails become rows of words, each with its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from luthier.evaluation.charts.scale import Scale, draw_points_axis, span_scale
from luthier.evaluation.charts.strips import BOUNDS, draw_difference, draw_rate
from luthier.evaluation.wording import phrase_fraction as percent
from luthier.evaluation.wording import phrase_p_value, phrase_points, phrase_points_range, phrase_range, phrase_score
from luthier.tokens.visible import make_visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.compare import Comparison
    from luthier.evaluation.effects import Effect, Guardrail
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.slices import Slice

EFFECT_WORDS = {"better": "better", "worse": "worse", "equivalent": "equivalent", "cannot_tell": "cannot tell"}
EFFECT_TONES = {"better": "passed", "worse": "failed", "equivalent": "plain", "cannot_tell": "open"}
STATE_WORDS = {"holds": "holds", "broken": "broken", "cannot_tell": "cannot tell"}
STATE_TONES = {"holds": "passed", "broken": "failed", "cannot_tell": "open"}


class RateRow(NamedTuple):
    result: ModelResult
    rate: str
    interval: str
    chart: Markup


class DifferenceRow(NamedTuple):
    """`numbers` go from the baseline to the candidate; `evidence` is all that is needed to believe the word."""

    name: str
    numbers: str
    difference: str
    word: str
    tone: str
    evidence: str
    chart: Markup


class DifferenceRows(NamedTuple):
    rows: tuple[DifferenceRow, ...]
    axis: Markup


class SliceRow(NamedTuple):
    slice: Slice
    rates: str
    difference: str
    interval: str
    evidence: str
    chart: Markup


class SliceRows(NamedTuple):
    rows: tuple[SliceRow, ...]
    axis: Markup


def build_rate_row(result: ModelResult, report: EvalReport) -> RateRow:
    rate = percent(result.pass_rate)
    interval = phrase_range(result.interval.low, result.interval.high)
    title = make_visible(f"{result.model} passed {rate}, between {interval}")
    chart = draw_rate(result.pass_rate, result.interval, title, is_candidate=result is report.candidate)
    return RateRow(result, rate, interval, chart)


def build_main_difference(comparison: Comparison) -> DifferenceRows:
    scale = span_scale([*comparison.interval, comparison.difference])
    difference = phrase_points(comparison.difference)
    row = DifferenceRow(
        name="Difference",
        numbers="",
        difference=difference,
        word="",
        tone="plain",
        evidence=phrase_main_evidence(comparison),
        chart=draw_difference(comparison.difference, comparison.interval, f"Difference of {difference}", scale=scale),
    )
    return DifferenceRows((row,), draw_points_axis(scale))


def phrase_main_evidence(comparison: Comparison) -> str:
    if comparison.clusters is not None:
        test = f"{comparison.clusters} clusters of cases that belong together"
    else:
        changed = comparison.fixed + comparison.broken
        cases = "1 case" if changed == 1 else f"{changed} cases"
        test = f"exact McNemar test on the {cases} that changed"
    between = phrase_points_range(*comparison.interval).replace(" to ", " and ")
    return (
        f"The true difference lies between {between} with 95% confidence "
        f"({phrase_p_value(comparison.p_value)}, {test})."
    )


def build_effects(effects: Sequence[Effect]) -> DifferenceRows:
    scale = span_scale(value for effect in effects for value in (*effect.interval, effect.difference))
    return DifferenceRows(tuple(build_effect(effect, scale) for effect in effects), draw_points_axis(scale))


def build_effect(effect: Effect, scale: Scale) -> DifferenceRow:
    p_value = phrase_p_value(effect.p_value if effect.adjusted_p_value is None else effect.adjusted_p_value)
    adjusted = "" if effect.adjusted_p_value is None else ", adjusted for the number of measures"
    title = make_visible(f"{effect.name}: {phrase_points(effect.difference)}")
    return DifferenceRow(
        name=effect.name,
        numbers=f"{phrase_score(effect.baseline)} → {phrase_score(effect.candidate)}",
        difference=phrase_points(effect.difference),
        word=EFFECT_WORDS[effect.word],
        tone=EFFECT_TONES[effect.word],
        evidence=(
            f"95% interval {phrase_points_range(*effect.interval)}, {p_value}{adjusted}, "
            f"{count_units(effect.total, effect.clusters)}"
        ),
        chart=draw_difference(effect.difference, effect.interval, title, scale=scale),
    )


def build_guardrails(guardrails: Sequence[Guardrail]) -> DifferenceRows:
    values = (value for each in guardrails for value in (*each.interval, each.difference, -1.2 * each.margin))
    scale = span_scale(values)
    return DifferenceRows(tuple(build_guardrail(each, scale) for each in guardrails), draw_points_axis(scale))


def build_guardrail(guardrail: Guardrail, scale: Scale) -> DifferenceRow:
    worst, margin = phrase_points(guardrail.interval.low), phrase_points(guardrail.margin).lstrip("+")
    title = make_visible(f"{guardrail.name}: {phrase_points(guardrail.difference)}, at worst {worst}")
    return DifferenceRow(
        name=guardrail.name,
        numbers=f"{phrase_score(guardrail.baseline)} → {phrase_score(guardrail.candidate)}",
        difference=phrase_points(guardrail.difference),
        word=STATE_WORDS[guardrail.state],
        tone=STATE_TONES[guardrail.state],
        evidence=(
            f"at worst {worst} with 95% confidence, a loss of {margin} is let pass, "
            f"{count_units(guardrail.total, guardrail.clusters)}"
        ),
        chart=draw_difference(
            guardrail.difference,
            guardrail.interval,
            title,
            scale=scale,
            margin=-guardrail.margin,
            described=BOUNDS,
        ),
    )


def build_slices(slices: Sequence[Slice]) -> SliceRows:
    scale = span_scale(value for each in slices for value in (*each.interval, each.difference))
    return SliceRows(tuple(build_slice(each, scale) for each in slices), draw_points_axis(scale))


def build_slice(each: Slice, scale: Scale) -> SliceRow:
    title = make_visible(f"{each.key} {each.value}: {phrase_points(each.difference)}")
    return SliceRow(
        slice=each,
        rates=f"{percent(each.baseline_rate)} → {percent(each.candidate_rate)}",
        difference=phrase_points(each.difference),
        interval=phrase_points_range(*each.interval),
        evidence=phrase_p_value(each.adjusted_p_value),
        chart=draw_difference(each.difference, each.interval, title, scale=scale),
    )


def count_units(total: int, clusters: int | None) -> str:
    cases = "1 case" if total == 1 else f"{total:,} cases"
    return cases if clusters is None else f"{cases} in {clusters:,} clusters"
