"""Strengths that were measured become one page: the answer, then the task and each family against the strength."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.charts.scale import draw_free_axis, draw_points_axis, draw_rate_axis, free_scale, span_scale
from luthier.evaluation.charts.strips import BOUNDS, draw_difference, draw_rate
from luthier.evaluation.pages.document import render_page
from luthier.evaluation.pages.findings import FAMILY_TONES, FAMILY_WORDS, SHARES, phrase_loss
from luthier.evaluation.pages.measures import DifferenceRow, DifferenceRows
from luthier.evaluation.wording import phrase_fraction, phrase_points, phrase_range

if TYPE_CHECKING:
    from luthier.evaluation.forgetting.finding import Family
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.strength import Sweep, Trial

KEPT_WORDS = {"holds": "kept", "broken": "lost", "cannot_tell": "cannot tell"}
KEPT_TONES = {"holds": "passed", "broken": "failed", "cannot_tell": "open"}


class Plot(NamedTuple):
    """One quality against the strength, all rows on one scale."""

    title: str
    note: str
    table: DifferenceRows


def render_strengths(sweep: Sweep) -> str:
    plots = [plot_task(sweep), *plot_families(sweep)]
    return render_page("strength.html.jinja", sweep=sweep, answer=phrase_answer(sweep), plots=plots)


def phrase_answer(sweep: Sweep) -> str:
    if sweep.recommended is not None:
        return f"Turn it down to {sweep.recommended:g}"
    is_lost = sweep.choice is None and any(sweep.trials[0].lost)
    return "Tune it again" if is_lost else "Leave it as it is"


def plot_task(sweep: Sweep) -> Plot:
    rows = [
        draw_result(trial.result, f"Strength {trial.strength:g}", trial, is_chosen=trial is sweep.choice)
        for trial in sweep.trials
    ]
    table = DifferenceRows((*rows, draw_result(sweep.base, "0, the base")), draw_rate_axis())
    margin = phrase_points(sweep.margin).lstrip("+")
    note = f"The share of the validation rows that pass. Against full strength {margin} may be lost."
    return Plot("The task", note, table)


def draw_result(
    result: ModelResult, name: str, trial: Trial | None = None, *, is_chosen: bool = False
) -> DifferenceRow:
    kept = trial.kept if trial else None
    rate = phrase_fraction(result.pass_rate)
    worst = f"; against full strength {phrase_points(kept.interval.low)} at worst" if kept else ""
    return DifferenceRow(
        name=name,
        numbers=f"{result.passed} of {result.total}",
        difference=rate,
        word=KEPT_WORDS[kept.state] if kept else "",
        tone=KEPT_TONES[kept.state] if kept else "plain",
        evidence=f"95% interval {phrase_range(*result.interval)}{worst}",
        chart=draw_rate(result.pass_rate, result.interval, f"{name}: {rate}", is_candidate=is_chosen),
    )


def plot_families(sweep: Sweep) -> list[Plot]:
    return [plot_family(sweep, place) for place in range(len(sweep.trials[0].forgetting.families))]


def plot_family(sweep: Sweep, place: int) -> Plot:
    found = [trial.forgetting.families[place] for trial in sweep.trials]
    first = found[0]
    values = [1.2 * first.margin, *(value for each in found for value in (each.measured, *each.interval))]
    is_share = first.unit.startswith(SHARES)
    scale = span_scale(values) if is_share else free_scale(values)
    rows = [
        DifferenceRow(
            name=f"Strength {trial.strength:g}",
            numbers="",
            difference=phrase_loss(family.measured, family.unit),
            word=FAMILY_WORDS[family.state],
            tone=FAMILY_TONES[family.state],
            evidence="",
            chart=draw_difference(
                family.measured,
                family.interval,
                f"Strength {trial.strength:g}: {phrase_loss(family.measured, family.unit)}",
                scale=scale,
                margin=family.margin or None,
                described=BOUNDS,
            ),
        )
        for trial, family in zip(sweep.trials, found, strict=True)
    ]
    axis = draw_points_axis(scale) if is_share else draw_free_axis(scale)
    return Plot(first.title, describe_margin(first), DifferenceRows(tuple(rows), axis))


def describe_margin(family: Family) -> str:
    limit = (
        f"{phrase_loss(family.margin, family.unit).lstrip('+')} may be lost" if family.margin else "none is let pass"
    )
    return f"What is lost against the base, on {family.total} items; {limit}. Further right is worse."
