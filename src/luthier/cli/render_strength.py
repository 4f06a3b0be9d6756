"""Strengths that were measured become two tables and an answer, and one that was kept a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.cli.render import format_table
from luthier.evaluation.pages.findings import SHARES
from luthier.evaluation.pages.strength import KEPT_WORDS
from luthier.evaluation.wording import (
    phrase_fraction,
    phrase_points,
    phrase_points_range,
    phrase_range,
    phrase_score,
    phrase_signed,
)

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.evaluation.forgetting.finding import Family
    from luthier.evaluation.strength import Sweep, Trial
    from luthier.models.registry import TunedModel

STATES = {"ok": "ok", "degraded": "degraded", "cannot_tell": "cannot tell"}


def render_sweep(sweep: Sweep, *, page: Path | None = None) -> str:
    lines = [
        f"{sweep.model} on {sweep.rows}, the task:",
        format_table(list_task_rows(sweep)),
        "",
        "what is lost besides, against the base:",
        format_table(list_family_rows(sweep)),
        "",
        *sweep.reasons,
    ]
    if sweep.recommended is not None:
        strength = f"{sweep.recommended:g}"
        lines.append(f"keep it: luthier strength {sweep.model} --keep {strength} --name {sweep.model}-at-{strength}")
    return "\n".join([*lines, *(["", f"report: {page}"] if page else [])])


def list_task_rows(sweep: Sweep) -> list[tuple[str, ...]]:
    head = ("strength", "passed", "rate", "95% interval", "against full strength", "kept")
    base = sweep.base
    last = ("0, the base", f"{base.passed} of {base.total}", phrase_fraction(base.pass_rate))
    return [head, *map(describe_task, sweep.trials), (*last, phrase_range(*base.interval), "", "")]


def describe_task(trial: Trial) -> tuple[str, ...]:
    result, kept = trial.result, trial.kept
    shown = (f"{trial.strength:g}", f"{result.passed} of {result.total}", phrase_fraction(result.pass_rate))
    if kept is None:
        return (*shown, phrase_range(*result.interval), "", "")
    change = f"{phrase_points(kept.difference)} ({phrase_points_range(*kept.interval)})"
    return (*shown, phrase_range(*result.interval), change, KEPT_WORDS[kept.state])


def list_family_rows(sweep: Sweep) -> list[tuple[str, ...]]:
    """One row for each strength; the unit of a family is at its head."""
    families = sweep.trials[0].forgetting.families
    heads = (f"{family.title.lower()}, {'points' if is_share(family) else family.unit}" for family in families)
    rows = [("strength", *heads, "KL on the task, nats per token")]
    for trial in sweep.trials:
        divergence = trial.forgetting.on_task_kl
        told = "" if divergence is None else phrase_score(divergence)
        rows.append((f"{trial.strength:g}", *map(describe_loss, trial.forgetting.families), told))
    return rows


def describe_loss(family: Family) -> str:
    measured, low, high = map(phrase_points if is_share(family) else phrase_signed, (family.measured, *family.interval))
    numbers = [text.split()[0] for text in (measured, low, high)]
    return f"{numbers[0]} ({numbers[1]} to {numbers[2]}) {STATES[family.state]}"


def is_share(family: Family) -> bool:
    return family.unit.startswith(SHARES)


def describe_kept(model: TunedModel) -> dict[str, Any]:
    return {"model": model.name, "base": model.card.base, "turned_down": model.card.model_dump()["turned_down"]}


def render_kept(model: TunedModel) -> str:
    weaker = model.card.turned_down
    told = f", which is {weaker.source} at strength {weaker.strength:g}" if weaker else ""
    return f"model {model.name}, {model.card.kind}{told}\n  {model.folder}"
