"""Sweeps over strengths without a model: how many rows pass at each, and what was lost there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.evaluation.forgetting.finding import Family, Forgetting
from luthier.evaluation.strength import Sweep, judge_strengths
from luthier.stats.intervals import Interval
from tests.evaluation.results import build_result

if TYPE_CHECKING:
    from luthier.evaluation.forgetting.finding import FamilyState
    from luthier.evaluation.result import ModelResult

STATES: dict[str, FamilyState] = {"o": "ok", "d": "degraded", "?": "cannot_tell"}
ROWS = 40


def lose(letters: str) -> Forgetting:
    """One letter for each family: ok, degraded, or ? where it cannot be told."""
    families = tuple(
        Family(f"f{place}", f"Family {place}", 0.2, Interval(0.1, 0.3), 0.25, "nats", 0.0, 0.2, 10, STATES[letter], "")
        for place, letter in enumerate(letters)
    )
    return Forgetting("1", "base", "orders", families, 0.5)


def build_sweep(
    trials: dict[float, tuple[int, str]], *, base: int = 0, margin: float = 0.1, model: str = "orders"
) -> Sweep:
    """Of each strength how many of the rows pass, the first ones, and what it has lost."""
    results = {strength: pass_first(passed) for strength, (passed, _) in trials.items()}
    forgetting = {strength: lose(letters) for strength, (_, letters) in trials.items()}
    judged = judge_strengths(pass_first(base), results, forgetting, margin=margin)
    return Sweep(model, "orders-validation", pass_first(base), judged, margin)


def pass_first(count: int) -> ModelResult:
    return build_result("orders", "p" * count + "f" * (ROWS - count))
