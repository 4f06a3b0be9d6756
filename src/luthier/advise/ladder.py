"""Plans of rungs go in, from the lowest up, and each comes out measured on the same frozen test set, or with the reason
why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from luthier.advise.prompts import PreparedPrompt, Question
from luthier.advise.rungs import TITLES, Rung, RungPlan, Skipped
from luthier.errors import (
    DataError,
    EngineUnavailable,
    FetchFailed,
    InvalidRequest,
    OutOfMemory,
    ProofFailed,
    TrainingDiverged,
    UnknownModel,
)
from luthier.evaluation.compare import compare_results
from luthier.evaluation.runner import run_evaluation

if TYPE_CHECKING:
    from luthier.evaluation.cache import OutputCache
    from luthier.evaluation.compare import Comparison
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.task import EvalTask, Sample
    from luthier.stats.intervals import Interval

TargetState = Literal["met", "not_met", "cannot_tell"]
Standing = TargetState | Literal["void"]

KEEPS_OFF = (
    DataError,
    EngineUnavailable,
    FetchFailed,
    InvalidRequest,
    OutOfMemory,
    ProofFailed,
    TrainingDiverged,
    UnknownModel,
)
"""What is wrong with one rung and says nothing about the others."""


@dataclass(frozen=True)
class Step:
    """A rung that was measured; `prompts` are what it was asked with, in the order of the samples.

    `change` compares it with `below`, the best of the steps below it that are not void; the lowest has neither, nor has
    a void one. `seen_lines` are those of the test that the model has learned from.
    """

    rung: Rung
    result: ModelResult
    prompts: tuple[PreparedPrompt, ...]
    state: TargetState
    below: str = ""
    change: Comparison | None = None
    seen_lines: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.rung.name

    @property
    def title(self) -> str:
        return TITLES[self.rung.technique]

    @property
    def rate(self) -> float:
        return self.result.pass_rate

    @property
    def is_void(self) -> bool:
        """The model knows rows of the test, or is shown them, so its result says nothing about new ones."""
        return bool(self.seen_lines or self.rung.copies)

    @property
    def standing(self) -> Standing:
        return "void" if self.is_void else self.state

    @property
    def left_out(self) -> int:
        """Examples or passages for which the context had no room, over all questions."""
        return sum(prompt.left_out for prompt in self.prompts)

    @property
    def prompt_tokens(self) -> float | None:
        """Mean over the questions that were answered; None where nobody counts them."""
        counts = [outcome.prompt_tokens for outcome in self.result.outcomes if outcome.is_answered]
        return sum(counts) / len(counts) if sum(counts) else None

    @property
    def answer_tokens(self) -> float | None:
        counts = [outcome.completion_tokens for outcome in self.result.outcomes if outcome.is_answered]
        return sum(counts) / len(counts) if sum(counts) else None


class Climb(NamedTuple):
    """How far to go: until the `target`, a pass rate, is met by a step that may be recommended, or over all rungs.

    `find_leaks` gives the lines of the test that a rung's model has learned from, nearly the same ones included.
    """

    target: float
    takes_all: bool = False
    is_eligible: Callable[[Step], bool] = lambda step: True
    find_leaks: Callable[[Rung], tuple[int, ...]] = lambda rung: ()


class Ascent(NamedTuple):
    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...]


def climb(
    plans: Sequence[RungPlan],
    task: EvalTask,
    goal: Climb,
    *,
    cache: OutputCache | None = None,
    on_rung: Callable[[str], None] = lambda title: None,
    on_skipped: Callable[[Skipped], None] = lambda skipped: None,
    count_up: Callable[[str, int], Callable[[int], None]] = lambda name, total: lambda answered: None,
) -> Ascent:
    """Answers that were kept are not asked for again, so a climb that was killed goes on where it was.

    Raises what concerns more than one rung. `on_rung` is told each title before the rung is opened.
    """
    steps: list[Step] = []
    skipped: list[Skipped] = []
    for plan in plans:
        if not goal.takes_all and any(step.state == "met" and goal.is_eligible(step) for step in steps):
            reason = "a rung below meets the target"
            skipped.append(Skipped(plan.technique, plan.model, reason, is_above=True))
            continue
        on_rung(f"{TITLES[plan.technique]}, {plan.model}")
        measured = measure_rung(plan, task, cache, count_up)
        if isinstance(measured, Skipped):
            on_skipped(measured)
            skipped.append(measured)
        else:
            steps.append(build_step(*measured, task.samples, goal, below=find_best(steps)))
    return Ascent(tuple(steps), tuple(skipped))


class Measured(NamedTuple):
    rung: Rung
    result: ModelResult


def measure_rung(
    plan: RungPlan,
    task: EvalTask,
    cache: OutputCache | None,
    count_up: Callable[[str, int], Callable[[int], None]],
) -> Measured | Skipped:
    try:
        rung = plan.open()
        if isinstance(rung, Skipped):
            return rung
        count = count_up(rung.name, len(task.samples))
        return Measured(rung, run_evaluation(rung.engine, rung.name, task, cache=cache, on_progress=count))
    except KEEPS_OFF as error:
        return Skipped(plan.technique, plan.model, error.message)


def build_step(rung: Rung, result: ModelResult, samples: Sequence[Sample], goal: Climb, *, below: Step | None) -> Step:
    """`below` is left aside by a step that is void."""
    questions = [Question(sample.prompt, sample.tools) for sample in samples]
    prompts = tuple(rung.prompts.get(each, PreparedPrompt(each.messages)) for each in questions)
    step = Step(
        rung=rung,
        result=result,
        prompts=prompts,
        state=judge_target(result.interval, goal.target),
        seen_lines=tuple(sorted({*result.trained_on_lines, *goal.find_leaks(rung)})),
    )
    if below is None or step.is_void:
        return step
    return replace(step, below=below.name, change=compare_results(below.result, result))


def find_best(steps: Sequence[Step]) -> Step | None:
    """Of those that are not void, and of equal ones the lowest: what a rung has to beat to be worth its effort."""
    return max((step for step in steps if not step.is_void), key=lambda step: step.rate, default=None)


def judge_target(interval: Interval, target: float) -> TargetState:
    """Met or missed only when the whole interval lies on one side."""
    if interval.low >= target:
        return "met"
    return "not_met" if interval.high < target else "cannot_tell"
