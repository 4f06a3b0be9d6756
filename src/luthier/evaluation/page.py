"""A report goes in, one HTML page that opens anywhere comes out: no address in it leads outside."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from luthier.evaluation import charts, wording
from luthier.evaluation.compare import is_fixed
from luthier.evaluation.display import Shown, show_text
from luthier.evaluation.graders.tool_calls import write_calls
from luthier.evaluation.verdict import describe_sensitivity
from luthier.tokens.visible import make_visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.conversation import ToolCall
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.result import ModelResult, Outcome
    from luthier.evaluation.summaries import DataSummary, TrainingSummary
    from luthier.evaluation.task import Sample

WORDS = {"ship": "Ship", "do_not_ship": "Do not ship", "not_enough_data": "Not enough data"}
KINDS = {"passed": "passed", "failed": "failed", "truncated": "cut off", "unanswered": "no answer"}
SNIPPET_LENGTH = 110  # characters of the last message, as the name of a case

# Titles and notes, in the order in which a reader should look at what came out.
PAIR_GROUPS = {
    "broken": ("Broken", "passed before, not any more"),
    "fixed": ("Fixed", "not passed before, passed now"),
    "not-compared": ("Not compared", "passed now, but the baseline gave no answer to beat"),
    "both-wrong": ("Both wrong", "passed by neither"),
    "both-right": ("Both right", "passed by both"),
}
SINGLE_GROUPS = {
    "not-passed": ("Not passed", "wrong, cut off or without an answer"),
    "right": ("Passed", "as the reference wants it"),
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
        engines=list(dict.fromkeys(result.manifest.engine for result in report.results)),
        has_costs=any(result.cost_dollars != 0 for result in report.results),
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
    old_outcomes = report.baseline.outcomes if report.baseline else (None,) * len(report.samples)
    rows = zip(report.samples, old_outcomes, report.candidate.outcomes, strict=True)
    groups = PAIR_GROUPS if report.baseline else SINGLE_GROUPS
    found: dict[str, list[CaseView]] = {key: [] for key in groups}
    models = [result.model for result in report.results]
    for sample, before, after in rows:
        outcomes = [after] if before is None else [before, after]
        found[find_group(before, after)].append(build_case(sample, models, outcomes))
    return [CaseGroup(key, *groups[key], tuple(cases)) for key, cases in found.items() if cases]


def find_group(before: Outcome | None, after: Outcome) -> str:
    if before is None:
        return "right" if after.passed else "not-passed"
    if after.passed:
        return "both-right" if before.passed else "fixed" if is_fixed(before, after) else "not-compared"
    return "broken" if before.passed else "both-wrong"


def build_case(sample: Sample, models: list[str], outcomes: list[Outcome]) -> CaseView:
    tools = (("tools", show_text(sample.tools)),) if sample.tools else ()
    turns = ((message.role, show_text(write_answer(message.content, message.tool_calls))) for message in sample.prompt)
    return CaseView(
        line=sample.line,
        snippet=shorten(sample.prompt[-1].content if sample.prompt else ""),
        prompt=(*tools, *turns),
        reference=show_text(write_answer(sample.reference, sample.reference_calls)),
        answers=tuple(build_answer(model, outcome, sample) for model, outcome in zip(models, outcomes, strict=True)),
    )


def write_answer(text: str, calls: Sequence[ToolCall]) -> str:
    return "\n".join(filter(None, [text, write_calls(calls)])) if calls else text


def build_answer(model: str, outcome: Outcome, sample: Sample) -> AnswerView:
    return AnswerView(
        model=model,
        kind=outcome.kind,
        kind_words=KINDS[outcome.kind],
        explanation=outcome.explanation,
        shown=show_text(
            write_answer(outcome.output, outcome.tool_calls), write_answer(sample.reference, sample.reference_calls)
        ),
        was_trained_on=outcome.was_trained_on,
    )


def shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SNIPPET_LENGTH else line[:SNIPPET_LENGTH].rstrip() + "…"
