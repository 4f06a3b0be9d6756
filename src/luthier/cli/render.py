"""Results become plain text for people, or documents for --json where a result has none of its own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from luthier.evaluation.wording import phrase_fraction, phrase_p_value, phrase_points, phrase_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from luthier.data.check import CheckReport
    from luthier.data.split import Splits
    from luthier.doctor import Check
    from luthier.engine.protocol import Response
    from luthier.evaluation.compare import Comparison
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.verdict import Verdict
    from luthier.models.registry import TunedModel
    from luthier.pipeline import DemoResult
    from luthier.store.catalog import ModelRecord, RunRecord

FINDINGS_SHOWN = 20
"""Of each code."""

FINGERPRINT_SHOWN = 12


def render_check(report: CheckReport) -> str:
    """One line per finding, as editors link them; the hint of a code stands under its first."""
    lines: list[str] = []
    seen: Counter[str] = Counter()
    hinted: set[tuple[str, str]] = set()
    path = report.path
    for finding in report.findings:
        seen[finding.code] += 1
        if seen[finding.code] > FINDINGS_SHOWN:
            continue
        place = path if finding.line is None else f"{path}:{finding.line}"
        lines.append(f"{place}: {finding.severity} {finding.code} {finding.message}")
        if (finding.code, finding.hint) not in hinted:
            hinted.add((finding.code, finding.hint))
            lines.append(f"  hint: {finding.hint}")
    lines += [f"{path}: {count - FINDINGS_SHOWN} more {code}" for code, count in seen.items() if count > FINDINGS_SHOWN]
    return "\n".join([*lines, _summarise_check(report.summary)])


def render_rule(rule: Mapping[str, str]) -> str:
    return "\n".join(
        [
            f"{rule['code']} {rule['name']} ({rule['severity']})",
            "",
            rule["finds"],
            f"why: {rule['why']}",
            f"example: {rule['example']}",
            f"hint: {rule['hint']}",
        ]
    )


def render_splits(splits: Splits, folder: Path) -> str:
    rows = [(str(folder / f"{side}.jsonl"), f"{len(dataset.examples)} rows") for side, dataset in splits.sides.items()]
    return format_table(rows)


def render_model(model: TunedModel) -> str:
    metrics = model.card.metrics
    return "\n".join(
        [
            f"model {model.name}, an adapter of {model.card.base}",
            f"  validation loss {metrics['validation_loss']:.4f}, at step {metrics['best_step']} of {metrics['steps']}",
            f"  {metrics['tokens']} tokens in {phrase_seconds(metrics['seconds'])}, run {model.card.run}",
            f"  {model.folder}",
        ]
    )


def render_evaluation(report: EvalReport, *, page: Path | None = None) -> str:
    rows = [("model", "passed", "rate", "95% interval")]
    for result in report.results:
        low, high = (phrase_fraction(bound) for bound in result.interval)
        passed = f"{result.passed} of {result.total}"
        rows.append((result.model, passed, phrase_fraction(result.pass_rate), f"{low} to {high}"))
    parts = [format_table(rows)]
    if report.comparison is not None and report.verdict is not None:
        parts += ["", _describe_comparison(report.comparison), "", *_describe_verdict(report.verdict)]
    if page is not None:
        parts += ["", f"report: {page}"]
    return "\n".join(parts)


def render_demo(result: DemoResult, *, page: Path, program: str) -> str:
    model = result.model
    return "\n".join(
        [
            render_evaluation(result.report, page=page),
            "",
            "try next:",
            f"  {program} chat {model.name} --message 'Extract: Zoe ordered 2 lamps for $31.00 on May 4.'",
            f"  {program} show {model.name}",
            f"  {program} tune YOUR.jsonl --base {model.card.base}",
        ]
    )


def describe_answer(model: str, response: Response) -> dict[str, Any]:
    """The words of OpenAI's API."""
    prompt, completion = response.prompt_tokens, response.completion_tokens
    return {
        "model": model,
        "content": response.text,
        "finish_reason": response.finish_reason,
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
    }


def describe_models(records: Sequence[ModelRecord], bases: Mapping[str, bool]) -> dict[str, Any]:
    models = [{"name": r.name, "base": r.base, "created_at": r.created_at.isoformat()} for r in records]
    return {
        "models": models,
        "bases": [{"name": name, "is_fetched": is_fetched} for name, is_fetched in bases.items()],
    }


def render_models(records: Sequence[ModelRecord], bases: Mapping[str, bool]) -> str:
    rows = [("model", "base", "made")]
    rows += [(record.name, record.base, _show_time(record.created_at)) for record in records]
    if not records:
        rows.append(("none yet", "", "`luthier tune DATA` makes one"))
    base_rows = [("base", "")]
    base_rows += [(name, "fetched" if is_fetched else "fetched when first used") for name, is_fetched in bases.items()]
    return f"{format_table(rows)}\n\n{format_table(base_rows)}"


def describe_runs(records: Sequence[RunRecord]) -> dict[str, Any]:
    return {
        "runs": [
            {
                "id": record.id,
                "name": record.name,
                "base": record.base,
                "status": record.status,
                "created_at": record.created_at.isoformat(),
                "finished_at": record.finished_at.isoformat() if record.finished_at else None,
                "error": record.error,
            }
            for record in records
        ]
    }


def render_runs(records: Sequence[RunRecord]) -> str:
    if not records:
        return "no runs yet"
    rows = [("run", "name", "base", "status", "started", "")]
    for record in records:
        status = (record.id, record.name, record.base, record.status)
        rows.append((*status, _show_time(record.created_at), record.error or ""))
    return format_table(rows)


def render_kept(found: Mapping[str, Any]) -> str:
    """The tree of all values, then the line of ancestors."""
    tree = {key: value for key, value in found.items() if key != "lineage" and value is not None}
    ancestors = render_lineage(found["lineage"]) if found["lineage"] else "nothing that is kept here"
    return "\n".join([*_draw_tree(tree), "made from:", *(f"  {line}" for line in ancestors.splitlines())])


def render_lineage(line: Sequence[Mapping[str, str]]) -> str:
    rows = [(step["kind"], step["name"], step["fingerprint"][:FINGERPRINT_SHOWN]) for step in line]
    return format_table(rows)


def render_checks(checks: Sequence[Check]) -> str:
    lines: list[str] = []
    width = max(len(check.name) for check in checks)
    for check in checks:
        lines.append(f"{check.status:4}  {check.name:{width}}  {check.detail}")
        if check.hint:
            lines.append(f"      hint: {check.hint}")
    return "\n".join(lines)


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _summarise_check(summary: Mapping[str, int | str]) -> str:
    counts = ", ".join(
        f"{summary[key]} {word if summary[key] == 1 else key}"
        for key, word in (("rows", "row"), ("errors", "error"), ("warnings", "warning"), ("infos", "info"))
    )
    return f"{counts}; {summary['examples']} usable, answers in {summary['answer_kind']}"


def _describe_comparison(comparison: Comparison) -> str:
    low, high = (phrase_points(bound) for bound in comparison.interval)
    return (
        f"fixed {comparison.fixed}, broke {comparison.broken}: {phrase_points(comparison.difference)} "
        f"(95% interval {low} to {high}, {phrase_p_value(comparison.p_value)})"
    )


def _describe_verdict(verdict: Verdict) -> list[str]:
    return [f"verdict: {verdict.decision.replace('_', ' ')}", *(f"  {reason}" for reason in verdict.reasons)]


def _draw_tree(values: Mapping[str, Any], *, depth: int = 0) -> list[str]:
    lines: list[str] = []
    for key, value in values.items():
        if isinstance(value, dict):
            lines += [f"{'  ' * depth}{key}:", *_draw_tree(value, depth=depth + 1)]
        else:
            lines.append(f"{'  ' * depth}{key}: {_show_value(value)}")
    return lines


def _show_value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_show_value(item) for item in value)
    return "none" if value is None else str(value)


def _show_time(time: datetime) -> str:
    """In the time zone of whoever looks."""
    return f"{time.astimezone():%Y-%m-%d %H:%M}"
