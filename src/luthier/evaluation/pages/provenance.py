"""The conditions of a measurement become name and value, those that all models share apart from each one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.result import EvalManifest

Facts = tuple[tuple[str, str], ...]


class ModelFacts(NamedTuple):
    model: str
    facts: Facts


class Manifest(NamedTuple):
    shared: Facts
    own: tuple[ModelFacts, ...]


def build_manifest(report: EvalReport) -> Manifest:
    own = tuple(ModelFacts(result.model, list_own(result.manifest)) for result in report.results)
    return Manifest(list_shared(report.candidate.manifest), own)


def list_shared(manifest: EvalManifest) -> Facts:
    structure = manifest.structure
    rows = (
        ("Test data", manifest.data_fingerprint),
        ("Cases", manifest.cases_hash),
        ("Grader", manifest.grader),
        ("Also graded by", ", ".join(manifest.criteria)),
        ("Grader's definition", manifest.grader_hash),
        ("Sampling", str(manifest.sampling)),
        ("Structure of the answers", f"{structure.kind} {structure.value}".strip() if structure else ""),
        ("Luthier", manifest.version),
    )
    return keep_known(rows)


def list_own(manifest: EvalManifest) -> Facts:
    rows = (
        ("Engine", manifest.engine),
        ("Base model", manifest.base),
        ("Weights", manifest.weights_hash),
        ("Chat template", manifest.template_hash),
        ("Prompts", manifest.prompts_hash),
    )
    return keep_known(rows)


def keep_known(rows: Facts) -> Facts:
    return tuple((name, value) for name, value in rows if value)
