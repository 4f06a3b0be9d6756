"""A report goes in, one HTML page that opens anywhere comes out: no address in it leads outside."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from luthier.evaluation import charts, wording
from luthier.evaluation.display import Shown, show_text
from luthier.evaluation.verdict import describe_sensitivity
from luthier.tokens.visible import make_visible

if TYPE_CHECKING:
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.result import ModelResult, Outcome
    from luthier.evaluation.summaries import DataSummary, TrainingSummary
    from luthier.evaluation.task import Sample

WORDS = {"ship": "Ship", "do_not_ship": "Do not ship", "not_enough_data": "Not enough data"}
KINDS = {"passed": "passed", "failed": "failed", "truncated": "cut off"}
SNIPPET_LENGTH = 110  # characters of the last message, as the name of a case

# What came out for (baseline, candidate), in the order in which a reader should look at it.
PAIR_GROUPS = {
    (True, False): ("broken", "Broken", "passed before, not any more"),
    (False, True): ("fixed", "Fixed", "not passed before, passed now"),
    (False, False): ("both-wrong", "Both wrong", "passed by neither"),
    (True, True): ("both-right", "Both right", "passed by both"),
}
SINGLE_GROUPS = {
    False: ("not-passed", "Not passed", "wrong, or cut off"),
    True: ("right", "Passed", "as the reference wants it"),
}


class AnswerView(NamedTuple):
    model: str
    kind: str
    kind_words: str
    explanation: str
    shown: Shown
    was_trained_on: bool


class CaseView(NamedTuple):
    line: int
    snippet: str
    prompt: tuple[tuple[str, Shown], ...]
    reference: Shown
    answers: tuple[AnswerView, ...]


class CaseGroup(NamedTuple):
    key: str
    title: str
    note: str
    cases: tuple[CaseView, ...]


class RateRow(NamedTuple):
    result: ModelResult
    rate: str
    interval: str
    chart: Markup


def render_report(
    report: EvalReport,
    *,
    training: TrainingSummary | None = None,
    data: DataSummary | None = None,
    command: str = "",
) -> str:
    """`command` is what the reader types to measure again; the sections of what is None are left out."""
    style, script = read_part("report.css"), read_part("report.js")
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, finalize=finalize
    )
    return environment.from_string(read_part("report.html.jinja")).render(
        report=report,
        verdict_word=WORDS[report.verdict.decision] if report.verdict else "",
        verdict_sentence=describe_decision(report),
        sensitivity=describe_sensitivity(len(report.samples)),
        rates=[build_rate_row(result, report) for result in report.results],
        rate_axis=charts.draw_axis(["0%", "25%", "50%", "75%", "100%"]),
        difference_axis=charts.draw_axis(["−100", "−50", "0", "+50", "+100"]),
        difference_chart=draw_difference(report),
        groups=build_groups(report),
        training=training,
        loss_chart=draw_losses(training),
        points_per_mean=charts.points_per_mean(len(training.points)) if training else 1,
        data=data,
        command=command,
        words=wording,
        style=Markup(style),
        script=Markup(script),
        style_hash=hash_source(style),
        script_hash=hash_source(script),
    )


def read_part(name: str) -> str:
    return files("luthier.evaluation").joinpath(name).read_text("utf-8")


def hash_source(text: str) -> str:
    """How a Content-Security-Policy names the one inline part that it lets through."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def finalize(value: object) -> object:
    """Runs on everything that the template prints, so that no text can be forgotten."""
    return make_visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def describe_decision(report: EvalReport) -> str:
    candidate = report.candidate
    if report.verdict is None or report.baseline is None:
        return f"{candidate.model} passed {candidate.passed} of {wording.phrase_cases(candidate.total)}."
    return {
        "ship": f"{candidate.model} is better than {report.baseline.model}.",
        "do_not_ship": f"{candidate.model} should not replace {report.baseline.model}.",
        "not_enough_data": f"This test cannot choose between {candidate.model} and {report.baseline.model}.",
    }[report.verdict.decision]


def build_rate_row(result: ModelResult, report: EvalReport) -> RateRow:
    rate = wording.phrase_fraction(result.pass_rate)
    interval = f"{wording.phrase_fraction(result.interval.low)} to {wording.phrase_fraction(result.interval.high)}"
    title = make_visible(f"{result.model} passed {rate}, between {interval}")
    chart = charts.draw_rate(result.pass_rate, result.interval, title, is_candidate=result is report.candidate)
    return RateRow(result, rate, interval, chart)


def draw_difference(report: EvalReport) -> Markup:
    if report.comparison is None:
        return Markup("")
    difference = report.comparison.difference
    title = f"Difference of {wording.phrase_points(difference)}"
    return charts.draw_difference(difference, report.comparison.interval, title)


def draw_losses(training: TrainingSummary | None) -> Markup:
    if training is None or not charts.keep_finite([*training.points, *training.validation_points]):
        return Markup("")
    return charts.draw_losses(training.points, training.validation_points)


def build_groups(report: EvalReport) -> list[CaseGroup]:
    """Groups without a case are left out."""
    old_outcomes = report.baseline.outcomes if report.baseline else ()
    rows = list(zip_longest(report.samples, old_outcomes, report.candidate.outcomes))
    if report.baseline is not None:
        found = {
            heading: [row for row in rows if (row[1].passed, row[2].passed) == key]
            for key, heading in PAIR_GROUPS.items()
        }
    else:
        found = {heading: [row for row in rows if row[2].passed == key] for key, heading in SINGLE_GROUPS.items()}
    models = [result.model for result in report.results]
    return [
        CaseGroup(*heading, tuple(build_case(sample, models, outcomes) for sample, *outcomes in members))
        for heading, members in found.items()
        if members
    ]


def build_case(sample: Sample, models: list[str], outcomes: list[Outcome | None]) -> CaseView:
    measured = [outcome for outcome in outcomes if outcome is not None]
    return CaseView(
        line=sample.line,
        snippet=shorten(sample.prompt[-1].content if sample.prompt else ""),
        prompt=tuple((message.role, show_text(message.content)) for message in sample.prompt),
        reference=show_text(sample.reference),
        answers=tuple(build_answer(model, outcome, sample) for model, outcome in zip(models, measured, strict=True)),
    )


def build_answer(model: str, outcome: Outcome, sample: Sample) -> AnswerView:
    return AnswerView(
        model=model,
        kind=outcome.kind,
        kind_words=KINDS[outcome.kind],
        explanation=outcome.explanation,
        shown=show_text(outcome.output, sample.reference),
        was_trained_on=outcome.was_trained_on,
    )


def shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SNIPPET_LENGTH else line[:SNIPPET_LENGTH].rstrip() + "…"
