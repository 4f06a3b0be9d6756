"""What models answered and what follows becomes plain text: rates, what changed, every gate, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.cli.render import format_table
from luthier.evaluation.wording import phrase_dollars, phrase_fraction, phrase_p_value, phrase_points

if TYPE_CHECKING:
    from luthier.evaluation.compare import Comparison
    from luthier.evaluation.effects import Effect
    from luthier.evaluation.gates.gate import Gate
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.verdict import Verdict
    from luthier.pipeline import DemoResult, ReportFiles

HOLDS = {"passed": "yes", "failed": "no", "cannot_tell": "cannot tell", "not_measured": "not measured"}
EFFECT_WORDS = {"better": "better", "worse": "worse", "equivalent": "alike", "cannot_tell": "cannot tell"}


def render_evaluation(report: EvalReport, *, files: ReportFiles | None = None) -> str:
    parts = [format_table(_list_columns(report)), *_describe_engines(report)]
    if report.comparison is not None and report.verdict is not None:
        parts += ["", *_describe_comparison(report.comparison), "", format_table(_list_gates(report.verdict.gates))]
        parts += ["", *render_verdict(report.verdict)]
    if files is not None and any(files):
        parts += ["", *(f"{name}: {path}" for name, path in zip(files.names, files, strict=True) if path is not None)]
    return "\n".join(parts)


def render_demo(result: DemoResult, *, files: ReportFiles, program: str) -> str:
    model = result.model
    return "\n".join(
        [
            render_evaluation(result.report, files=files),
            "",
            "try next:",
            f"  {program} chat {model.name} --message 'Extract: Zoe ordered 2 lamps for $31.00 on May 4.'",
            f"  {program} show {model.name}",
            f"  {program} tune YOUR.jsonl --base {model.card.base}",
        ]
    )


def render_verdict(verdict: Verdict) -> list[str]:
    decision = "cannot tell yet" if verdict.decision == "cannot_tell" else verdict.decision.replace("_", " ")
    lines = [f"verdict: {decision}", *(f"  {reason}" for reason in verdict.reasons)]
    return [*lines, *(f"  note: {warning}" for warning in verdict.warnings)]


def _list_columns(report: EvalReport) -> list[tuple[str, ...]]:
    """One row for each model; scores, missing answers and grades, times and costs get a column where there are any."""
    results = report.results
    columns = [
        ("model", *(result.model for result in results)),
        ("passed", *(f"{result.passed} of {result.total}" for result in results)),
        ("rate", *(phrase_fraction(result.pass_rate) for result in results)),
        ("95% interval", *(" to ".join(map(phrase_fraction, result.interval)) for result in results)),
    ]
    if any(result.mean_score != result.pass_rate for result in results):
        columns.append(("score", *(f"{result.mean_score:.2f}" for result in results)))
    if any(result.unanswered for result in results):
        columns.append(("no answer", *(str(result.unanswered) for result in results)))
    if any(result.ungraded for result in results):
        columns.append(("no grade", *(str(result.ungraded) for result in results)))
    if any(result.cost_dollars != 0 for result in results):
        columns.append(("cost", *(phrase_dollars(result.cost_dollars) for result in results)))
    return list(zip(*columns, strict=True))


def _describe_engines(report: EvalReport) -> list[str]:
    engines = dict.fromkeys(result.manifest.engine for result in report.results)
    if len(engines) == 1:
        return []
    return ["", f"measured by different engines, {' and '.join(engines)}: a part of the difference may be theirs"]


def _describe_comparison(comparison: Comparison) -> list[str]:
    low, high = (phrase_points(bound) for bound in comparison.interval)
    clusters = f" in {comparison.clusters} clusters" if comparison.clusters else ""
    counts = (
        f"fixed {comparison.fixed}, broke {comparison.broken}{clusters}: {phrase_points(comparison.difference)} "
        f"(95% interval {low} to {high}, {phrase_p_value(comparison.p_value)})"
    )
    effects = [comparison.score] if comparison.score else []
    return [counts, *(_describe_effect(effect) for effect in (*effects, *comparison.secondary))]


def _describe_effect(effect: Effect) -> str:
    p_value = effect.p_value if effect.adjusted_p_value is None else effect.adjusted_p_value
    low, high = (phrase_points(bound) for bound in effect.interval)
    return (
        f"  by {effect.name}: {phrase_fraction(effect.baseline)} to {phrase_fraction(effect.candidate)}, "
        f"{EFFECT_WORDS[effect.word]} ({low} to {high}, {phrase_p_value(p_value)})"
    )


def _list_gates(gates: tuple[Gate, ...]) -> list[tuple[str, str, str, str]]:
    rows = [("gate", "holds", "measured", "wanted")]
    return rows + [(gate.name, HOLDS[gate.state], gate.measured, gate.wanted) for gate in gates]
