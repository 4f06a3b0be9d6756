"""Graded answers become a table that a person fills in with a spreadsheet: blind to the models and to the judge."""

from __future__ import annotations

import csv
import hashlib
import io
import random
from typing import TYPE_CHECKING, NamedTuple

from luthier.conversation import Conversation
from luthier.data.likeness.sketches import comparable_text
from luthier.errors import UsageError
from luthier.evaluation.judging.labels import guard_cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.result import ModelResult, Outcome
    from luthier.evaluation.task import Sample

COLUMNS = ("key", "question", "wanted", "answer", "passed", "note")
KEY_LENGTH = 8  # hexadecimal digits of the answer's hash

GRADED = ("passed", "failed")


class GradedAnswer(NamedTuple):
    key: str
    sample: Sample
    text: str
    passed: bool


def choose_answers(
    samples: Sequence[Sample], results: Sequence[ModelResult], count: int, *, seed: str
) -> tuple[GradedAnswer, ...]:
    """In random order; as far as there are enough, half of them passed and half of them failed, so that people see
    both. The same answers for the same seed. Raises UsageError where nothing was graded."""
    known = {
        answer.key: answer
        for result in results
        for sample, outcome in zip(samples, result.outcomes, strict=True)
        if (answer := _read_answer(sample, outcome)) is not None
    }
    if not known:
        raise UsageError("the report holds no graded answer in words", hint="name the report of another evaluation")
    dice = random.Random(seed)
    answers = [known[key] for key in sorted(known)]
    dice.shuffle(answers)
    passed, failed = ([answer for answer in answers if answer.passed is kind] for kind in (True, False))
    half = max(count // 2, count - len(failed))
    chosen = passed[:half]
    chosen += failed[: count - len(chosen)]
    dice.shuffle(chosen)
    return tuple(chosen)


def write_sheet(answers: Sequence[GradedAnswer]) -> str:
    """In CSV; `passed` and `note` are empty, and no cell is a formula."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for answer in answers:
        question = comparable_text(Conversation(answer.sample.prompt))
        cells = (answer.key, question, answer.sample.reference, answer.text)
        writer.writerow([*map(guard_cell, cells), "", ""])
    return file.getvalue()


def make_key(sample_id: str, text: str) -> str:
    """Of an answer; what spreadsheets do to the ends of lines and of texts does not count."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    digest = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
    return f"answer-{sample_id}-{digest[:KEY_LENGTH]}"


def read_sample_id(key: str) -> str:
    """Of the test case that the answer with this key is to."""
    return key.removeprefix("answer-").rpartition("-")[0]


def _read_answer(sample: Sample, outcome: Outcome) -> GradedAnswer | None:
    """None for what was not graded, and for tool calls, which no judge reads."""
    if outcome.kind not in GRADED or outcome.tool_calls or not outcome.output.strip():
        return None
    return GradedAnswer(make_key(sample.id, outcome.output), sample, outcome.output, outcome.passed)
