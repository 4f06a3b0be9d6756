"""Results become plain text for people, or documents for --json where a result has none of its own."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING, Any

from luthier.cli.render_proof import render_proof
from luthier.evaluation.wording import phrase_seconds
from luthier.training.planning.choices import Choice, list_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from luthier.doctor import Check
    from luthier.models.registry import TunedModel
    from luthier.store.catalog import ModelRecord, RunRecord

FINGERPRINT_SHOWN = 12
ROWS_SHOWN = 20
"""Of those that a run left out."""


def render_model(model: TunedModel) -> str:
    metrics = model.card.metrics
    return "\n".join(
        [
            f"model {model.name}, {model.card.kind}",
            f"  {_describe_loss(metrics)}, at step {metrics['best_step']} of {metrics['steps']}",
            f"  {metrics['tokens']} tokens in {phrase_seconds(metrics['seconds'])}, run {model.card.run}",
            f"  {model.folder}",
            *render_proof(model.card.proof),
        ]
    )


def _describe_loss(metrics: dict[str, Any]) -> str:
    """Of a model that was trained without validation rows, that of the rows that it learned from."""
    if "validation_loss" in metrics:
        return f"validation loss {metrics['validation_loss']:.4f}"
    return f"training loss {metrics['training_loss']:.4f}"


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
    """The tree of all values, the proof of a model, the settings and rows of a run, then the line of ancestors."""
    apart = ("lineage", "rows", "settings")
    tree = {key: value for key, value in found.items() if key not in apart and value is not None}
    tree["manifest"] = {key: value for key, value in found["manifest"].items() if key != "proof"}
    proof = render_proof(found["manifest"].get("proof", {}))
    rows = f"rows:\n{indent(render_rows(found['rows']), '  ')}\n" if found.get("rows") else ""
    ancestors = render_lineage(found["lineage"]) if found["lineage"] else "nothing that is kept here"
    settings = list_lines(Choice(**kept) for kept in found.get("settings") or ())
    told = ["settings, and where they come from:", *settings] if settings else []
    return "\n".join([*_draw_tree(tree), *proof, *told, f"{rows}made from:", indent(ancestors, "  ")])


def render_lineage(line: Sequence[Mapping[str, str]]) -> str:
    rows = [(step["kind"], step["name"], step["fingerprint"][:FINGERPRINT_SHOWN]) for step in line]
    return format_table(rows)


def render_rows(ledger: Mapping[str, Any]) -> str:
    """The counts of each side of a split, then the rows that were left out."""
    table: list[tuple[str, ...]] = [("", "rows", "tokens", "trained", "longest", "left out")]
    dropped: list[str] = []
    for side in ("train", "validation"):
        rows = ledger[side]
        counts = (rows["rows"], rows["tokens"], rows["trained_tokens"], rows["longest"], len(rows["dropped"]))
        table.append((side, *(f"{count:,}" for count in counts)))
        for row in rows["dropped"]:
            fingerprint = row["fingerprint"][:FINGERPRINT_SHOWN]
            dropped.append(f"left out of {side}: line {row['line']}, {row['reason']}, fingerprint {fingerprint}")
    more = [f"and {len(dropped) - ROWS_SHOWN} more; --json lists them all"] if len(dropped) > ROWS_SHOWN else []
    return "\n".join([format_table(table), *dropped[:ROWS_SHOWN], *more])


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
