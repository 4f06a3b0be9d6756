"""One case and what the models made of it become what a reader sees: prompt, reference and answers side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.display.pieces import LONGEST_SHOWN, Shown
from luthier.evaluation.display.texts import show_change, show_text
from luthier.evaluation.graders.tool_calls import write_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.conversation import ToolCall
    from luthier.evaluation.graders.protocol import FieldGrade
    from luthier.evaluation.result import ModelResult, Outcome
    from luthier.evaluation.task import Sample

KIND_WORDS = {
    "passed": "passed",
    "failed": "failed",
    "truncated": "cut off",
    "unanswered": "no answer",
    "ungraded": "not graded",
}
SNIPPET_LENGTH = 110  # characters of the last message, as the name of a case
REASON_LENGTH = 140  # characters of an explanation beside that name
ROOM_FOR_TEXTS = 3_000_000  # characters on the whole page, which a browser opens at once
LEAST_ROOM = 500  # characters of one text


class AnswerView(NamedTuple):
    model: str
    kind: str
    kind_words: str
    explanation: str
    shown: Shown
    was_trained_on: bool
    field_errors: tuple[FieldGrade, ...]


class CaseView(NamedTuple):
    """`reason` is why the last model did not pass; `change` is None for one model alone, and where it would not help.
    `same_answer` is True when both wrote the very same."""

    line: int
    snippet: str
    reason: str
    prompt: tuple[tuple[str, Shown], ...]
    reference: Shown
    answers: tuple[AnswerView, ...]
    change: Shown | None
    same_answer: bool
    error_paths: tuple[str, ...]


def find_room(case_count: int, model_count: int) -> int:
    """Characters for each text, so that a page of many long cases stays small enough to open."""
    texts = case_count * (2 * model_count + 2)
    return min(LONGEST_SHOWN, max(LEAST_ROOM, ROOM_FOR_TEXTS // max(1, texts)))


def build_case(sample: Sample, results: Sequence[ModelResult], index: int, *, room: int) -> CaseView:
    outcomes = [result.outcomes[index] for result in results]
    wanted = write_answer(sample.reference, sample.reference_calls)
    written = [write_answer(outcome.output, outcome.tool_calls) for outcome in outcomes]
    last = outcomes[-1]
    paths = (grade.path for outcome in outcomes for grade in find_field_errors(outcome))
    return CaseView(
        line=sample.line,
        snippet=shorten(sample.prompt[-1].content if sample.prompt else "", SNIPPET_LENGTH),
        reason="" if last.passed else shorten(last.explanation, REASON_LENGTH),
        prompt=build_prompt(sample, room),
        reference=show_text(wanted, room=room),
        answers=tuple(
            build_answer(result.model, outcome, show_text(text, wanted, room=room))
            for result, outcome, text in zip(results, outcomes, written, strict=True)
        ),
        change=show_change(written[0], written[-1], room=room) if has_two_answers(outcomes) else None,
        same_answer=has_two_answers(outcomes) and written[0] == written[-1],
        error_paths=tuple(dict.fromkeys(paths)),
    )


def has_two_answers(outcomes: Sequence[Outcome]) -> bool:
    return len(outcomes) > 1 and all(outcome.is_answered for outcome in outcomes)


def build_prompt(sample: Sample, room: int) -> tuple[tuple[str, Shown], ...]:
    tools = (("tools", show_text(sample.tools, room=room)),) if sample.tools else ()
    turns = (
        (message.role, show_text(write_answer(message.content, message.tool_calls), room=room))
        for message in sample.prompt
    )
    return (*tools, *turns)


def build_answer(model: str, outcome: Outcome, shown: Shown) -> AnswerView:
    return AnswerView(
        model=model,
        kind=outcome.kind,
        kind_words=KIND_WORDS[outcome.kind],
        explanation=outcome.explanation,
        shown=shown,
        was_trained_on=outcome.was_trained_on,
        field_errors=find_field_errors(outcome),
    )


def find_field_errors(outcome: Outcome) -> tuple[FieldGrade, ...]:
    return tuple(grade for grade in outcome.fields if grade.kind != "right")


def write_answer(text: str, calls: Sequence[ToolCall]) -> str:
    return "\n".join(filter(None, [text, write_calls(calls)])) if calls else text


def shorten(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[:length].rstrip() + "…"
