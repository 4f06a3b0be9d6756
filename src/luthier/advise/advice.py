"""Everything that was measured on a ladder becomes one advice, which can be shown, written as JSON and kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import TypeAdapter

from luthier.advise.diagnosis import diagnose
from luthier.advise.reasons import Found, list_reasons, phrase_answer, phrase_headline
from luthier.advise.recommendation import Needs, Recommendation, recommend
from luthier.evaluation.result import EvalManifest
from luthier.stats.families import adjust_holm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.advise.break_even import BreakEven
    from luthier.advise.copies import CopiedRow
    from luthier.advise.diagnosis import Diagnosis
    from luthier.advise.ladder import Step
    from luthier.advise.retrieval.corpus import UnreadFile
    from luthier.advise.retrieval.recall import RecallAt
    from luthier.advise.rungs import Skipped
    from luthier.evaluation.compare import Comparison
    from luthier.evaluation.costs import Cost
    from luthier.evaluation.latency import Latency
    from luthier.evaluation.task import EvalTask

FORMAT = 1
SIGNIFICANCE = 0.05

MANIFEST = TypeAdapter(EvalManifest)

ChangeWord = Literal["better", "worse", "cannot_tell"]


class Change(NamedTuple):
    """What a rung does against the best one below; `adjusted_p_value` is Holm's, over all of these on the ladder."""

    below: str
    fixed: int
    broken: int
    difference: float
    low: float
    high: float
    p_value: float
    adjusted_p_value: float
    word: ChangeWord


class Library(NamedTuple):
    """The documents that retrieval searched."""

    name: str
    documents: int
    passages: int
    unread: tuple[UnreadFile, ...]
    fingerprint: str


@dataclass(frozen=True)
class Advice:
    """`latencies` and `costs` are by the name of the step; `frozen_at` is the folder that keeps the test rows.

    `break_even_gap` says why there is no break-even; "" where there is one, or where nobody would look for it.
    """

    task: EvalTask
    frozen_at: str
    train_rows: int
    good_rows: int
    needs: Needs
    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...]
    latencies: Mapping[str, Latency]
    costs: Mapping[str, Cost]
    break_evens: tuple[BreakEven, ...] = ()
    break_even_gap: str = ""
    library: Library | None = None
    recall: tuple[RecallAt, ...] = ()
    notes: tuple[str, ...] = ()
    command: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        return self.task.name.removesuffix("-test")

    @cached_property
    def recommendation(self) -> Recommendation:
        return recommend(self.steps, self.needs)

    @cached_property
    def diagnoses(self) -> dict[str, Diagnosis]:
        return {step.name: diagnose(step.result, self.task.samples) for step in self.steps}

    @cached_property
    def found(self) -> Found:
        return Found(self.recommendation, self.steps, self.skipped, self.needs, self.good_rows, self.diagnoses)

    @property
    def answer(self) -> str:
        return phrase_answer(self.found)

    @property
    def headline(self) -> str:
        return phrase_headline(self.found)

    @property
    def reasons(self) -> tuple[str, ...]:
        return list_reasons(self.found)

    @cached_property
    def changes(self) -> dict[str, Change]:
        """By the name of the step; the lowest has none."""
        compared = [(step, step.change) for step in self.steps if step.change]
        adjusted = adjust_holm([comparison.p_value for _, comparison in compared])
        return {
            step.name: judge_change(step.below, comparison, p_value)
            for (step, comparison), p_value in zip(compared, adjusted, strict=True)
        }

    @property
    def copies(self) -> tuple[CopiedRow, ...]:
        """Test rows that stand with their answers in what a measured rung is shown."""
        return tuple(dict.fromkeys(copy for step in self.steps for copy in step.rung.copies))

    @property
    def void(self) -> tuple[str, ...]:
        """Names of the steps whose results say nothing about new rows."""
        return tuple(step.name for step in self.steps if step.is_void)

    @property
    def candidate(self) -> str:
        """Whose result a reader will act on: the recommended rung, or else the highest; empty if none was measured."""
        step = self.recommendation.step or (self.steps[-1] if self.steps else None)
        return step.name if step else ""

    def find_dollars(self, name: str) -> float | None:
        """Of 1,000 answers."""
        cost = self.costs.get(name)
        return cost.dollars_per_thousand if cost else None

    def to_json(self) -> dict[str, Any]:
        """With `models` and `manifests` as every kept report has them."""
        finding, step, cases_needed, objections = self.recommendation
        return {
            "format": FORMAT,
            "kind": "advice",
            "name": self.name,
            "candidate": self.candidate,
            "answer": self.answer,
            "headline": self.headline,
            "reasons": list(self.reasons),
            "recommendation": {
                "finding": finding,
                "rung": step.name if step else None,
                "technique": step.rung.technique if step else None,
                "model": step.rung.model if step else None,
                "cases_needed": cases_needed,
                "objections": objections,
            },
            "needs": asdict(self.needs),
            "rows": {"train": self.train_rows, "good": self.good_rows, "test": len(self.task.samples)},
            "test": {"fingerprint": self.task.data_fingerprint, "kept_in": self.frozen_at},
            "rungs": [self.describe_step(each) for each in self.steps],
            "not_measured": [each._asdict() for each in self.skipped],
            "break_even": [asdict(each) for each in self.break_evens],
            "break_even_gap": self.break_even_gap,
            "copied_test_rows": [each._asdict() for each in self.copies],
            "retrieval": self.describe_retrieval(),
            "notes": list(self.notes),
            "models": {each.name: describe_result(each) for each in self.steps},
            "comparison": None,
            "verdict": None,
            "manifests": {each.name: MANIFEST.dump_python(each.result.manifest, mode="json") for each in self.steps},
            "cases": [self.describe_case(place) for place in range(len(self.task.samples))],
        }

    def describe_step(self, step: Step) -> dict[str, Any]:
        latency, cost = self.latencies.get(step.name), self.costs.get(step.name)
        change = self.changes.get(step.name)
        return {
            "rung": step.name,
            "technique": step.rung.technique,
            "model": step.rung.model,
            "is_hosted": step.rung.is_hosted,
            **describe_result(step),
            "target": step.standing,
            "seen_lines": list(step.seen_lines),
            "against_below": change._asdict() if change else None,
            "seconds": latency.whole_seconds.median if latency else None,
            "first_seconds": latency.first_seconds.median if latency else None,
            "timed_answers": latency.count if latency else 0,
            "prompt_tokens": step.prompt_tokens,
            "answer_tokens": step.answer_tokens,
            "dollars_per_thousand": self.find_dollars(step.name),
            "cost_source": cost.source if cost else "",
            "left_out_of_prompts": step.left_out,
            "failures": self.diagnoses[step.name]._asdict(),
        }

    def describe_retrieval(self) -> dict[str, Any] | None:
        if self.library is None:
            return None
        return {
            **self.library._asdict(),
            "unread": [each._asdict() for each in self.library.unread],
            "recall": [{**each._asdict(), "rate": each.rate, "interval": list(each.interval)} for each in self.recall],
        }

    def describe_case(self, place: int) -> dict[str, Any]:
        sample = self.task.samples[place]
        return {
            "id": sample.id,
            "line": sample.line,
            "reference": sample.reference,
            "answers": {
                step.name: {
                    "output": step.result.outcomes[place].output,
                    "kind": step.result.outcomes[place].kind,
                    "explanation": step.result.outcomes[place].explanation,
                    "shown": list(step.prompts[place].shown),
                    "left_out": step.prompts[place].left_out,
                }
                for step in self.steps
            },
        }


def judge_change(below: str, comparison: Comparison, adjusted_p_value: float) -> Change:
    is_proven = adjusted_p_value < SIGNIFICANCE
    word: ChangeWord = "cannot_tell"
    if is_proven and comparison.difference:
        word = "better" if comparison.difference > 0 else "worse"
    return Change(
        below=below,
        fixed=comparison.fixed,
        broken=comparison.broken,
        difference=comparison.difference,
        low=comparison.interval.low,
        high=comparison.interval.high,
        p_value=comparison.p_value,
        adjusted_p_value=adjusted_p_value,
        word=word,
    )


def describe_result(step: Step) -> dict[str, Any]:
    result = step.result
    return {
        "passed": result.passed,
        "failed": result.failed,
        "truncated": result.truncated,
        "unanswered": result.unanswered,
        "ungraded": result.ungraded,
        "total": result.total,
        "pass_rate": result.pass_rate,
        "interval": list(result.interval),
        "trained_on_lines": list(result.trained_on_lines),
        "cost_dollars": result.cost_dollars,
    }
