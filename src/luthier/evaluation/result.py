"""What one model did on one task: the conditions it was measured under and the outcome of each sample."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from luthier.conversation import ToolCall
from luthier.engine.protocol import Sampling, Structure
from luthier.evaluation.graders.protocol import FieldGrade, Grade, LabelPair
from luthier.stats.intervals import Interval, wilson_interval

OutcomeKind = Literal["passed", "failed", "truncated", "unanswered", "ungraded"]
"""`unanswered` by the model, or `ungraded` because the grader, such as a judge, could not do its work."""


@dataclass(frozen=True, slots=True)
class EvalManifest:
    """Everything that a result depends on; two results with equal manifests are equal.

    `grader_hash` is that of what the graders are, file contents included; `cases_hash` that of what is asked, what is
    wanted and which cases belong together; `prompts_hash` that of the token ids that the model was given, case by case.
    """

    task: str
    data_fingerprint: str
    grader: str
    sampling: Sampling
    engine: str
    model: str
    base: str
    weights_hash: str
    template_hash: str
    structure: Structure | None = None
    criteria: tuple[str, ...] = ()
    grader_hash: str = ""
    cases_hash: str = ""
    prompts_hash: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`truncated` is an answer cut at max_tokens: not passed, and told apart from a wrong one. `unanswered` is none at
    all, with the code of the `error` that took its place: not passed either, though nothing was measured. An answer
    that is there and could not be judged is `ungraded`, with the grader's `error`.

    `score` lies between 0 and 1. `others` are the grades of the task's further criteria, in their order.
    `mean_log_prob` is that of the answer's tokens in nats, where it was asked for.

    `was_trained_on` is True when the model has seen this very prompt in training. `cost_dollars` is what the answer
    cost when it was asked for, and None when nobody knows.
    """

    sample_id: str
    line: int
    output: str
    kind: OutcomeKind
    explanation: str
    prompt_hash: str
    prompt_tokens: int
    completion_tokens: int
    was_trained_on: bool
    tool_calls: tuple[ToolCall, ...] = ()
    cost_dollars: float | None = 0.0
    error: str = ""
    score: float = 0.0
    fields: tuple[FieldGrade, ...] = ()
    label: LabelPair | None = None
    others: tuple[Grade, ...] = ()
    mean_log_prob: float | None = None

    @property
    def passed(self) -> bool:
        return self.kind == "passed"

    @property
    def is_answered(self) -> bool:
        return self.kind != "unanswered"

    @property
    def is_measured(self) -> bool:
        return self.kind not in ("unanswered", "ungraded")


@dataclass(frozen=True)
class ModelResult:
    """`outcomes` stand in the order of the task's samples."""

    manifest: EvalManifest
    outcomes: tuple[Outcome, ...]

    @property
    def model(self) -> str:
        return self.manifest.model

    @property
    def total(self) -> int:
        return len(self.outcomes)

    @cached_property
    def kinds(self) -> Counter[str]:
        return Counter(outcome.kind for outcome in self.outcomes)

    @property
    def passed(self) -> int:
        return self.kinds["passed"]

    @property
    def failed(self) -> int:
        return self.kinds["failed"]

    @property
    def truncated(self) -> int:
        return self.kinds["truncated"]

    @property
    def ungraded(self) -> int:
        return self.kinds["ungraded"]

    @property
    def unanswered(self) -> int:
        return self.kinds["unanswered"]

    @property
    def cost_dollars(self) -> float | None:
        """Of all answers, those included that were kept from an earlier run; None when the price of one is unknown."""
        costs = [outcome.cost_dollars for outcome in self.outcomes]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    @property
    def pass_rate(self) -> float:
        return self.passed / self.total

    @property
    def mean_score(self) -> float:
        """From 0 to 1; what was not measured scores 0."""
        return sum(outcome.score for outcome in self.outcomes) / self.total

    @property
    def truncated_fraction(self) -> float:
        return self.truncated / self.total

    @property
    def unanswered_fraction(self) -> float:
        return self.unanswered / self.total

    @property
    def interval(self) -> Interval:
        """95 percent Wilson interval of the pass rate."""
        return wilson_interval(self.passed, self.total)

    @property
    def trained_on_lines(self) -> tuple[int, ...]:
        """Lines of the test data that this model was trained on; any at all voids the result."""
        return tuple(outcome.line for outcome in self.outcomes if outcome.was_trained_on)
