"""One or two results on a task become one report that can be kept as JSON, read back and rendered again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from luthier.errors import StoreDamaged
from luthier.evaluation.compare import Comparison, compare_results
from luthier.evaluation.result import EvalManifest, ModelResult, Outcome
from luthier.evaluation.task import Sample
from luthier.evaluation.verdict import WANTED_GAIN, Verdict, decide_verdict
from luthier.stats.power import minimum_detectable_gain

if TYPE_CHECKING:
    from luthier.evaluation.task import EvalTask

FORMAT = 1

MANIFEST = TypeAdapter(EvalManifest)
OUTCOME = TypeAdapter(Outcome)
SAMPLE = TypeAdapter(Sample)
COMPARISON = TypeAdapter(Comparison)
VERDICT = TypeAdapter(Verdict)


@dataclass(frozen=True)
class EvalReport:
    """`baseline`, `comparison` and `verdict` are all None when one model was measured alone."""

    name: str
    samples: tuple[Sample, ...]
    candidate: ModelResult
    baseline: ModelResult | None = None
    comparison: Comparison | None = None
    verdict: Verdict | None = None

    @property
    def results(self) -> tuple[ModelResult, ...]:
        """The baseline first."""
        return (self.candidate,) if self.baseline is None else (self.baseline, self.candidate)

    @property
    def minimum_detectable_gain(self) -> float | None:
        """The smallest gain that so many cases can show with 80 percent power; None when they can show none."""
        return minimum_detectable_gain(len(self.samples))

    def to_json(self) -> dict[str, Any]:
        """Holds everything: `from_json` of it equals this report."""
        return {
            "format": FORMAT,
            "name": self.name,
            "candidate": self.candidate.model,
            "baseline": self.baseline.model if self.baseline else None,
            "models": {result.model: describe_model(result) for result in self.results},
            "comparison": describe_comparison(self.comparison) if self.comparison else None,
            "verdict": describe_verdict(self.verdict) if self.verdict else None,
            "minimum_detectable_gain": self.minimum_detectable_gain,
            "same_prompts": self.comparison.same_prompts if self.comparison else None,
            "manifests": {result.model: MANIFEST.dump_python(result.manifest, mode="json") for result in self.results},
            "cases": [self.describe_case(index) for index in range(len(self.samples))],
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> EvalReport:
        """Raises StoreDamaged for another format, or for a document that this version cannot read."""
        if document.get("format") != FORMAT:
            raise StoreDamaged(
                f"a report of format {document.get('format')!r} cannot be read, only format {FORMAT}",
                hint="evaluate the model again, or use the version of luthier that wrote the report",
            )
        try:
            return read_report(document)
        except (KeyError, TypeError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise StoreDamaged(f"the report cannot be read: {reason}", hint="evaluate the model again") from error

    def describe_case(self, index: int) -> dict[str, Any]:
        outputs = {result.model: OUTCOME.dump_python(result.outcomes[index], mode="json") for result in self.results}
        return {
            **SAMPLE.dump_python(self.samples[index], mode="json", exclude_defaults=True),
            "outputs": outputs,
        }


def build_report(
    task: EvalTask,
    candidate: ModelResult,
    *,
    baseline: ModelResult | None = None,
    wanted_gain: float = WANTED_GAIN,
) -> EvalReport:
    """Raises UnlikeComparison when the two results cannot be held against each other."""
    if baseline is None:
        return EvalReport(task.name, task.samples, candidate)
    comparison = compare_results(baseline, candidate)
    verdict = decide_verdict(baseline, candidate, comparison, wanted_gain=wanted_gain)
    return EvalReport(task.name, task.samples, candidate, baseline, comparison, verdict)


def read_report(document: dict[str, Any]) -> EvalReport:
    cases = document["cases"]
    results = {
        name: ModelResult(
            MANIFEST.validate_python(manifest),
            tuple(OUTCOME.validate_python(case["outputs"][name]) for case in cases),
        )
        for name, manifest in document["manifests"].items()
    }
    is_pair = document["baseline"] is not None
    return EvalReport(
        name=document["name"],
        samples=tuple(SAMPLE.validate_python(case) for case in cases),
        candidate=results[document["candidate"]],
        baseline=results[document["baseline"]] if is_pair else None,
        comparison=read_comparison(document) if is_pair else None,
        verdict=VERDICT.validate_python(document["verdict"]) if is_pair else None,
    )


def describe_model(result: ModelResult) -> dict[str, Any]:
    return {
        "passed": result.passed,
        "failed": result.failed,
        "truncated": result.truncated,
        "unanswered": result.unanswered,
        "total": result.total,
        "pass_rate": result.pass_rate,
        "interval": list(result.interval),
        "trained_on_lines": list(result.trained_on_lines),
        "cost_dollars": result.cost_dollars,
    }


def describe_comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "fixed": comparison.fixed,
        "broken": comparison.broken,
        "difference": comparison.difference,
        **COMPARISON.dump_python(comparison, mode="json"),
    }


def describe_verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "decision": verdict.decision,
        "reasons": list(verdict.reasons),
        "gates": [gate._asdict() for gate in verdict.gates],
    }


def read_comparison(document: dict[str, Any]) -> Comparison:
    return COMPARISON.validate_python(document["comparison"])
