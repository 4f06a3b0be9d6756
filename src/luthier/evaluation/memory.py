"""A model answers rows that it has learned from; out comes how much better it does there than on rows it never saw."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from luthier.conversation import fingerprint_json
from luthier.data.dataset import Dataset
from luthier.evaluation.runner import run_evaluations
from luthier.evaluation.task import build_samples, find_problems
from luthier.evaluation.wording import phrase_points
from luthier.stats.independent import independent_difference_interval
from luthier.stats.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.data.dataset import Example
    from luthier.evaluation.cache import OutputCache
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.runner import Contestant
    from luthier.evaluation.task import EvalTask
    from luthier.evaluation.training_rows import Lessons

MemoryWord = Literal["memorised", "generalises", "cannot_tell"]

MOST_ROWS = 100
LARGEST_GAP = 0.10
"""A model always does a little better on what it has learned from; by more than this it knows rows, not the task."""


@dataclass(frozen=True, slots=True)
class MemoryProbe:
    """Passed cases among training rows, drawn by a seed from the data, and among the held-out ones of the test.

    `interval` covers the difference of the two rates at 95 percent. What was not measured, because a judge or the model
    failed, counts on neither side.
    """

    model: str
    train_passed: int
    train_total: int
    held_out_passed: int
    held_out_total: int
    interval: Interval

    @property
    def train_rate(self) -> float:
        return self.train_passed / self.train_total

    @property
    def held_out_rate(self) -> float:
        return self.held_out_passed / self.held_out_total

    @property
    def difference(self) -> float:
        return self.train_rate - self.held_out_rate

    @property
    def word(self) -> MemoryWord:
        return judge_gap(self, LARGEST_GAP)

    @property
    def sentence(self) -> str:
        rates = (
            f"{self.model} passes {self.train_passed} of {self.train_total} rows that it was trained on and "
            f"{self.held_out_passed} of {self.held_out_total} that it never saw"
        )
        low, high = (phrase_points(end) for end in self.interval)
        gap = f"a difference of {phrase_points(self.difference)}, between {low} and {high} with 95% confidence"
        meanings: dict[MemoryWord, str] = {
            "memorised": "it has learned rows by heart rather than the task; more varied data or fewer epochs help",
            "generalises": "it has learned the task, not the rows",
            "cannot_tell": "too few cases to say whether it has learned rows by heart",
        }
        return f"{rates}: {gap}; {meanings[self.word]}."


def judge_gap(probe: MemoryProbe, limit: float) -> MemoryWord:
    """Whether the true difference is surely above the limit, surely within it, or neither."""
    if probe.interval.low > limit:
        return "memorised"
    return "generalises" if probe.interval.high <= limit else "cannot_tell"


def probe_model(
    contestant: Contestant,
    task: EvalTask,
    result: ModelResult,
    lessons: Lessons,
    *,
    cache: OutputCache | None = None,
    on_progress: Callable[[int], None] = lambda answered: None,
) -> MemoryProbe | None:
    """`result` is the model's on the task. The same grader judges as many training rows as there are test cases, at
    most 100. None where no training row is kept that it could judge, or nothing could be measured."""
    rows = [example for file in lessons.files[:1] for example in file.examples]
    probe = _build_probe(task, rows, lessons.model)
    if probe is None:
        return None
    (trained,) = run_evaluations(
        [contestant], probe, cache=cache, on_progress=lambda model, answered: on_progress(answered)
    )
    known = [outcome for outcome in trained.outcomes if outcome.is_measured]
    new = [outcome for outcome in result.outcomes if outcome.is_measured and not outcome.was_trained_on]
    if not known or not new:
        return None
    counts = (sum(each.passed for each in known), len(known), sum(each.passed for each in new), len(new))
    return MemoryProbe(lessons.model, *counts, independent_difference_interval(*counts))


def choose_rows(rows: Sequence[Example], count: int, *, seed: str) -> tuple[Example, ...]:
    """The same rows for the same seed, in the order of their file."""
    chosen = random.Random(seed).sample(range(len(rows)), min(count, len(rows)))
    return tuple(rows[place] for place in sorted(chosen))


def _build_probe(task: EvalTask, rows: Sequence[Example], model: str) -> EvalTask | None:
    """The task over training rows; those that its grader could never pass are left out, as a test has none of them."""
    chosen = choose_rows(
        [row for row in rows if _is_gradable(task, row)],
        min(len(task.samples), MOST_ROWS),
        seed=fingerprint_json([task.data_fingerprint, model]),
    )
    if not chosen:
        return None
    dataset = Dataset(f"{task.name}-seen", Path("train"), chosen)
    return replace(
        task, name=dataset.name, samples=build_samples(dataset), data_fingerprint=dataset.fingerprint, criteria=()
    )


def _is_gradable(task: EvalTask, row: Example) -> bool:
    (sample,) = build_samples(Dataset(task.name, Path("train"), (row,)))
    return not any(find_problems(row, sample, [task.grader]))
