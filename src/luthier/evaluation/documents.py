"""Reports become JSON documents and are read back from them, those of earlier versions too."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from luthier.errors import StoreDamaged
from luthier.evaluation.canaries import CanaryFindings
from luthier.evaluation.compare import Comparison
from luthier.evaluation.contamination import Contamination
from luthier.evaluation.costs import Cost
from luthier.evaluation.forgetting.finding import Forgetting
from luthier.evaluation.formats import FormatCheck
from luthier.evaluation.gates.evidence import Findings
from luthier.evaluation.gates.gate import EXIT_CODES
from luthier.evaluation.gates.settings import GateSettings
from luthier.evaluation.judging.agreement import JudgeAgreement
from luthier.evaluation.latency import Latency
from luthier.evaluation.memory import MemoryProbe
from luthier.evaluation.report import EvalReport
from luthier.evaluation.result import EvalManifest, ModelResult, Outcome
from luthier.evaluation.task import Sample
from luthier.evaluation.uses import TestUses
from luthier.evaluation.verdict import DECISION_WORDS, Verdict

if TYPE_CHECKING:
    from luthier.evaluation.fields import FieldSummary
    from luthier.evaluation.gates.gate import Gate

FORMAT = 1

EARLIER_DECISIONS = {"not_enough_data": "cannot_tell"}

MANIFEST = TypeAdapter(EvalManifest)
OUTCOME = TypeAdapter(Outcome)
SAMPLE = TypeAdapter(Sample)
COMPARISON = TypeAdapter(Comparison)
VERDICT = TypeAdapter(Verdict)
FINDINGS: dict[str, TypeAdapter[Any]] = {
    "forgetting": TypeAdapter(Forgetting | None),
    "contamination": TypeAdapter(Contamination | None),
    "memory": TypeAdapter(MemoryProbe | None),
    "canaries": TypeAdapter(CanaryFindings | None),
    "judges": TypeAdapter(tuple[JudgeAgreement, ...]),
    "latency": TypeAdapter(tuple[Latency, ...]),
    "costs": TypeAdapter(tuple[Cost, ...]),
    "uses": TypeAdapter(TestUses | None),
    "format": TypeAdapter(FormatCheck | None),
    "unmeasured": TypeAdapter(dict[str, str]),
}
"""By the field of Findings that each one is; a test sees that none is missing."""


def describe_report(report: EvalReport) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": report.name,
        "candidate": report.candidate.model,
        "baseline": report.baseline.model if report.baseline else None,
        "models": {result.model: describe_model(result) for result in report.results},
        "comparison": describe_comparison(report.comparison) if report.comparison else None,
        "verdict": describe_verdict(report.verdict) if report.verdict else None,
        "minimum_detectable_gain": report.minimum_detectable_gain,
        "same_prompts": report.comparison.same_prompts if report.comparison else None,
        "manifests": describe_manifests(report),
        "gates": report.settings.model_dump(mode="json"),
        "findings": describe_findings(report.findings),
        **describe_breakdown(report),
        "cases": [describe_case(report, index) for index in range(len(report.samples))],
    }


def write_verdict(report: EvalReport) -> dict[str, Any]:
    """What a script or a pull request needs of a report: the decision and what it rests on, without the cases."""
    verdict = report.verdict
    return {
        "format": FORMAT,
        "decision": verdict.decision if verdict else None,
        "answer": DECISION_WORDS[verdict.decision] if verdict else None,
        "exit_code": EXIT_CODES[verdict.decision] if verdict else 0,
        "reasons": list(verdict.reasons) if verdict else [],
        "warnings": list(verdict.warnings) if verdict else [],
        "gates": [describe_gate(gate) for gate in verdict.gates] if verdict else [],
        "test": report.name,
        "candidate": report.candidate.model,
        "baseline": report.baseline.model if report.baseline else None,
        "models": {result.model: describe_model(result) for result in report.results},
        "primary": describe_primary(report),
        "manifests": describe_manifests(report),
    }


def read_report(document: dict[str, Any]) -> EvalReport:
    """As `EvalReport.from_json`."""
    if document.get("format") != FORMAT:
        raise StoreDamaged(
            f"a report of format {document.get('format')!r} cannot be read, only format {FORMAT}",
            hint="evaluate the model again, or use the version of luthier that wrote the report",
        )
    try:
        return _read_parts(document)
    except (KeyError, TypeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise StoreDamaged(f"the report cannot be read: {reason}", hint="evaluate the model again") from error


def describe_model(result: ModelResult) -> dict[str, Any]:
    return {
        "passed": result.passed,
        "failed": result.failed,
        "truncated": result.truncated,
        "unanswered": result.unanswered,
        "ungraded": result.ungraded,
        "total": result.total,
        "pass_rate": result.pass_rate,
        "mean_score": result.mean_score,
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
        "gates": [describe_gate(gate) for gate in verdict.gates],
        "warnings": list(verdict.warnings),
    }


def describe_gate(gate: Gate) -> dict[str, Any]:
    return {**asdict(gate), "passed": gate.passed}


def describe_primary(report: EvalReport) -> dict[str, Any] | None:
    """The effect that the gain is measured in."""
    evidence = report.evidence
    return None if evidence is None else asdict(evidence.choose_primary(report.settings))


def describe_manifests(report: EvalReport) -> dict[str, Any]:
    return {result.model: MANIFEST.dump_python(result.manifest, mode="json") for result in report.results}


def describe_findings(findings: Findings) -> dict[str, Any]:
    return {key: adapter.dump_python(getattr(findings, key), mode="json") for key, adapter in FINDINGS.items()}


def describe_breakdown(report: EvalReport) -> dict[str, Any]:
    """For scripts: all of it follows from the cases."""
    return {
        "fields": {model: [describe_field(each) for each in found] for model, found in report.fields.items()},
        "labels": to_jsonable_python(report.labels),
        "slices": to_jsonable_python(report.slices),
        "calibration": to_jsonable_python(report.calibration),
    }


def describe_field(field: FieldSummary) -> dict[str, Any]:
    return {
        "path": field.path,
        "right": field.right,
        "wrong": field.wrong,
        "omitted": field.omitted,
        "invented": field.invented,
        "precision": field.precision,
        "recall": field.recall,
        "f1": field.f1,
    }


def describe_case(report: EvalReport, index: int) -> dict[str, Any]:
    outputs = {result.model: OUTCOME.dump_python(result.outcomes[index], mode="json") for result in report.results}
    return {**SAMPLE.dump_python(report.samples[index], mode="json", exclude_defaults=True), "outputs": outputs}


def _read_parts(document: dict[str, Any]) -> EvalReport:
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
        comparison=COMPARISON.validate_python(document["comparison"]) if is_pair else None,
        verdict=_read_verdict(document["verdict"]) if is_pair else None,
        findings=_read_findings(document.get("findings", {})),
        settings=GateSettings.model_validate(document.get("gates", {})),
    )


def _read_findings(document: dict[str, Any]) -> Findings:
    """Of judges there was one at most once."""
    if "judge" in document:
        document = {**document, "judges": [judge] if (judge := document["judge"]) else []}
        del document["judge"]
    return Findings(**{key: FINDINGS[key].validate_python(found) for key, found in document.items()})


def _read_verdict(verdict: dict[str, Any]) -> Verdict:
    """Gates had neither key nor state once, and the open decision another name."""
    decision = verdict["decision"]
    gates = [{"key": "", "state": "passed" if gate["passed"] else "failed", **gate} for gate in verdict["gates"]]
    return VERDICT.validate_python({**verdict, "decision": EARLIER_DECISIONS.get(decision, decision), "gates": gates})
