"""An advice becomes Markdown for a pull request or a wiki; texts of models and rows stay out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.advise.page import CHANGE_WORDS, COPIES_SHOWN, COPY_WORDS, STATE_WORDS
from luthier.evaluation.pages.plain import escape_cell, escape_markdown, write_table
from luthier.evaluation.wording import (
    phrase_cases,
    phrase_count,
    phrase_dollars,
    phrase_fraction,
    phrase_p_value,
    phrase_points,
    phrase_range,
    phrase_seconds,
)

if TYPE_CHECKING:
    from luthier.advise.advice import Advice
    from luthier.advise.ladder import Step

HEADS = (
    "Rung",
    "Passed",
    "95% interval",
    "Target",
    "Against the best below",
    "Answer time",
    "Prompt tokens",
    "1,000 for",
)
UNKNOWN = "–"


def render_advice_markdown(advice: Advice) -> str:
    rows = [list_cells(step, advice) for step in advice.steps]
    return "\n\n".join(
        [
            f"## Luthier advice: {escape_markdown(advice.answer)}",
            f"**{escape_markdown(advice.headline)}**",
            "\n".join(f"- {escape_markdown(reason)}" for reason in advice.reasons),
            *([write_table(HEADS, rows)] if rows else []),
            *list_skipped(advice),
            *list_retrieval(advice),
            *list_copies(advice),
            *(escape_markdown(each.sentence) for each in advice.break_evens),
            *list_gaps(advice),
            f"Test rows: {len(advice.task.samples)}, fingerprint {escape_markdown(advice.task.data_fingerprint[:12])}, "
            f"graded by {escape_markdown(advice.task.grader.name)}. P-values are adjusted by Holm.\n",
        ]
    )


def list_cells(step: Step, advice: Advice) -> list[str]:
    latency, dollars = advice.latencies.get(step.name), advice.find_dollars(step.name)
    is_best = step is advice.recommendation.step and advice.recommendation.finding != "missed"
    name = escape_cell(step.name)
    return [
        f"**{name}**" if is_best else name,
        f"{step.result.passed} of {step.result.total}, {phrase_fraction(step.rate)}",
        phrase_range(*step.result.interval),
        STATE_WORDS[step.standing],
        describe_change(step, advice),
        phrase_seconds(latency.whole_seconds.median) if latency else UNKNOWN,
        phrase_count(step.prompt_tokens) if step.prompt_tokens else UNKNOWN,
        phrase_dollars(dollars) if dollars is not None else UNKNOWN,
    ]


def describe_change(step: Step, advice: Advice) -> str:
    change = advice.changes.get(step.name)
    if change is None:
        return UNKNOWN
    return (
        f"{phrase_points(change.difference)}, {CHANGE_WORDS[change.word]} ({phrase_p_value(change.adjusted_p_value)})"
    )


def list_skipped(advice: Advice) -> list[str]:
    lines = [
        f"- Not measured: {escape_markdown(each.title)}, {escape_markdown(each.reason)}" for each in advice.skipped
    ]
    return ["\n".join(lines)] if lines else []


def list_copies(advice: Advice) -> list[str]:
    """Where they stand, without their words."""
    shown = [
        f"- line {each.line} of the test stands in {escape_markdown(each.place)}, {COPY_WORDS[each.kind]}"
        for each in advice.copies[:COPIES_SHOWN]
    ]
    more = len(advice.copies) - len(shown)
    if not shown:
        return []
    head = f"{phrase_cases(len(advice.copies), 'test row')} with their answers in what a rung is shown:"
    return ["\n".join([head, "", *shown, *([f"- and {more} more"] if more > 0 else [])])]


def list_gaps(advice: Advice) -> list[str]:
    gap = [f"Break-even was not computed: {escape_markdown(advice.break_even_gap)}."] if advice.break_even_gap else []
    return [*gap, *(escape_markdown(note) for note in advice.notes)]


def list_retrieval(advice: Advice) -> list[str]:
    told = [
        f"top {each.depth}: {each.found} of {each.total} ({phrase_range(*each.interval)})" for each in advice.recall
    ]
    return [f"Documents found for the rows that name theirs: {', '.join(told)}."] if told else []
