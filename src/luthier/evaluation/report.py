"""One or two results on a task, and what else was found out, become one report that is kept, read back and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from luthier.evaluation.calibration import summarise_calibration
from luthier.evaluation.compare import Comparison, compare_results
from luthier.evaluation.fields import FieldSummary, summarise_fields
from luthier.evaluation.gates.evidence import NO_FINDINGS, Evidence, Findings
from luthier.evaluation.gates.settings import USUAL_GATES, GateSettings
from luthier.evaluation.labels import LabelSummary, summarise_labels
from luthier.evaluation.slices import Slice, compute_slices
from luthier.evaluation.verdict import Verdict, decide_verdict
from luthier.stats.power import minimum_detectable_gain

if TYPE_CHECKING:
    from luthier.evaluation.canaries import CanaryFindings
    from luthier.evaluation.contamination import Contamination
    from luthier.evaluation.costs import Cost
    from luthier.evaluation.forgetting.finding import Forgetting
    from luthier.evaluation.formats import FormatCheck
    from luthier.evaluation.judging.agreement import JudgeAgreement
    from luthier.evaluation.latency import Latency
    from luthier.evaluation.memory import MemoryProbe
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.task import EvalTask, Sample
    from luthier.evaluation.uses import TestUses
    from luthier.stats.calibration import Calibration


@dataclass(frozen=True)
class EvalReport:
    """`baseline`, `comparison` and `verdict` are all None when one model was measured alone.

    What follows from the answers is computed when it is asked for; `findings` cannot be, and are kept.
    """

    name: str
    samples: tuple[Sample, ...]
    candidate: ModelResult
    baseline: ModelResult | None = None
    comparison: Comparison | None = None
    verdict: Verdict | None = None
    findings: Findings = NO_FINDINGS
    settings: GateSettings = USUAL_GATES

    @property
    def results(self) -> tuple[ModelResult, ...]:
        """The baseline first."""
        return (self.candidate,) if self.baseline is None else (self.baseline, self.candidate)

    @property
    def evidence(self) -> Evidence | None:
        if self.baseline is None or self.comparison is None:
            return None
        return Evidence(self.baseline, self.candidate, self.comparison, self.findings)

    @property
    def minimum_detectable_gain(self) -> float | None:
        """The smallest gain that so many cases can show with 80 percent power; None when they can show none."""
        return minimum_detectable_gain(len(self.samples))

    @cached_property
    def fields(self) -> dict[str, tuple[FieldSummary, ...]]:
        """By model; empty unless the grader looks at fields."""
        found = {result.model: summarise_fields(result) for result in self.results}
        return {model: summaries for model, summaries in found.items() if summaries}

    @cached_property
    def labels(self) -> dict[str, LabelSummary]:
        """By model; empty unless the grader reads labels."""
        found = {result.model: summarise_labels(result, clusters=self.clusters) for result in self.results}
        return {model: summary for model, summary in found.items() if summary is not None}

    @cached_property
    def calibration(self) -> dict[str, Calibration]:
        """By model; empty unless log-probabilities were asked for."""
        found = {result.model: summarise_calibration(result) for result in self.results}
        return {model: summary for model, summary in found.items() if summary is not None}

    @cached_property
    def slices(self) -> tuple[Slice, ...]:
        return () if self.baseline is None else compute_slices(self.samples, self.baseline, self.candidate)

    @property
    def clusters(self) -> list[str] | None:
        """None when every case stands alone."""
        clusters = [sample.cluster for sample in self.samples]
        return clusters if any(clusters) else None

    @property
    def forgetting(self) -> Forgetting | None:
        return self.findings.forgetting

    @property
    def contamination(self) -> Contamination | None:
        return self.findings.contamination

    @property
    def memory(self) -> MemoryProbe | None:
        return self.findings.memory

    @property
    def canaries(self) -> CanaryFindings | None:
        return self.findings.canaries

    @property
    def judges(self) -> tuple[JudgeAgreement, ...]:
        return self.findings.judges

    @property
    def latency(self) -> tuple[Latency, ...]:
        return self.findings.latency

    @property
    def costs(self) -> tuple[Cost, ...]:
        return self.findings.costs

    @property
    def uses(self) -> TestUses | None:
        return self.findings.uses

    @property
    def format(self) -> FormatCheck | None:
        return self.findings.format

    @property
    def unmeasured(self) -> Mapping[str, str]:
        return self.findings.unmeasured

    def to_json(self) -> dict[str, Any]:
        """Holds everything: `from_json` of it equals this report."""
        from luthier.evaluation.documents import describe_report

        return describe_report(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> EvalReport:
        """Raises StoreDamaged for another format, or for a document that this version cannot read."""
        from luthier.evaluation.documents import read_report

        return read_report(document)


def build_report(
    task: EvalTask,
    candidate: ModelResult,
    *,
    baseline: ModelResult | None = None,
    findings: Findings = NO_FINDINGS,
    settings: GateSettings = USUAL_GATES,
) -> EvalReport:
    """Raises UnlikeComparison when the two results cannot be held against each other."""
    if baseline is None:
        return EvalReport(task.name, task.samples, candidate, findings=findings, settings=settings)
    clusters = [sample.cluster for sample in task.samples]
    comparison = compare_results(baseline, candidate, criteria=task.criteria, clusters=clusters)
    verdict = decide_verdict(Evidence(baseline, candidate, comparison, findings), settings)
    return EvalReport(task.name, task.samples, candidate, baseline, comparison, verdict, findings, settings)
