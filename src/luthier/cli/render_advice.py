"""An advice becomes plain text: the answer, the ladder as a table, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.cli.render import format_table
from luthier.evaluation.wording import phrase_cases, phrase_dollars, phrase_fraction, phrase_points, phrase_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from luthier.advise.advice import Advice
    from luthier.advise.ladder import Step

STATES = {"met": "met", "not_met": "not met", "cannot_tell": "cannot tell", "void": "void"}
COPIES_SHOWN = 5
WORDS = {"better": "better", "worse": "worse", "cannot_tell": "cannot tell"}


def render_advice(advice: Advice, *, page: Path | None = None, markdown: Path | None = None) -> str:
    lines = [format_table(list_rows(advice))] if advice.steps else []
    lines += [f"not measured: {each.title}, {each.reason}" for each in advice.skipped]
    lines += ["", *list_left_out(advice), *list_copies(advice), *list_break_evens(advice)]
    lines += [f"advice: {advice.answer.lower()}", f"  {advice.headline}", *(f"  {each}" for each in advice.reasons)]
    lines += [f"  note: {note}" for note in advice.notes]
    written = [f"{name}: {path}" for name, path in (("report", page), ("markdown", markdown)) if path is not None]
    return "\n".join([*lines, *(["", *written] if written else [])])


def list_rows(advice: Advice) -> list[tuple[str, ...]]:
    """Columns that hold nothing are left out."""
    rows = [tuple(cell for _, cell in describe_step(step, advice)) for step in advice.steps]
    columns = list(zip(*rows, strict=True))
    names = [name for name, _ in describe_step(advice.steps[0], advice)]
    shown = [(name, *cells) for name, cells in zip(names, columns, strict=True) if any(cells)]
    return list(zip(*shown, strict=True))


def describe_step(step: Step, advice: Advice) -> Iterator[tuple[str, str]]:
    latency, dollars = advice.latencies.get(step.name), advice.find_dollars(step.name)
    change = advice.changes.get(step.name)
    yield "rung", step.name
    yield "passed", f"{step.result.passed} of {step.result.total}"
    yield "rate", phrase_fraction(step.rate)
    yield "95% interval", " to ".join(map(phrase_fraction, step.result.interval))
    yield "target", STATES[step.standing]
    yield "against best below", f"{phrase_points(change.difference)}, {WORDS[change.word]}" if change else ""
    yield "answer time", phrase_seconds(latency.whole_seconds.median) if latency else ""
    yield "prompt tokens", f"{step.prompt_tokens:,.0f}" if step.prompt_tokens else ""
    yield "per 1,000", phrase_dollars(dollars) if dollars is not None else ""


def list_left_out(advice: Advice) -> list[str]:
    told = []
    for step in advice.steps:
        questions = sum(bool(prompt.left_out) for prompt in step.prompts)
        if questions:
            prompts = phrase_cases(questions, "prompt")
            told.append(f"{step.name}: {step.left_out} left out of {prompts}, for the context has no room for them")
    return told


def list_copies(advice: Advice) -> list[str]:
    lines = [f"line {each.line} of the test stands with its answer in {each.place}" for each in advice.copies]
    more = len(lines) - COPIES_SHOWN
    return [*lines[:COPIES_SHOWN], *([f"and {more} more test rows"] if more > 0 else [])]


def list_break_evens(advice: Advice) -> list[str]:
    gap = [f"break-even was not computed: {advice.break_even_gap}"] if advice.break_even_gap else []
    return [*(each.sentence for each in advice.break_evens), *gap]
