"""A model measured at several strengths of its adapter becomes one of them to take, or the reason to take none.

Strengths are tried from the full one downwards, and as soon as one is not proven to keep the task none below it counts:
so the chance that any of them is wrongly said to keep it stays at 5 percent, however many are tried. The order stands
before the answers do. Source: Westfall and Krishen, Journal of Statistical Planning and Inference 99 (2001), 25-40.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from luthier.evaluation.effects import Effect, Guardrail, adjust_effects, check_guardrail, measure_effect
from luthier.evaluation.pairs import pair_passes
from luthier.evaluation.wording import phrase_points

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.evaluation.forgetting.finding import Forgetting
    from luthier.evaluation.result import ModelResult

USUAL_MARGIN = 0.1
"""What of the pass rate may be lost: on thirty rows it can just be shown that no more is."""


@dataclass(frozen=True)
class Trial:
    """`kept` holds its pass rate against that of full strength, where it is None; `gain` against that of the base."""

    strength: float
    result: ModelResult
    forgetting: Forgetting
    gain: Effect
    kept: Guardrail | None = None

    @property
    def keeps_task(self) -> bool:
        return self.kept is None or self.kept.state == "holds"

    @property
    def lost(self) -> tuple[int, int]:
        """How many families are degraded, and of how many it cannot be told."""
        states = Counter(family.state for family in self.forgetting.families)
        return states["degraded"], states["cannot_tell"]

    def to_json(self) -> dict[str, Any]:
        return {
            "strength": self.strength,
            "passed": self.result.passed,
            "total": self.result.total,
            "pass_rate": self.result.pass_rate,
            "interval": self.result.interval._asdict(),
            "mean_score": self.result.mean_score,
            "kept": asdict(self.kept) if self.kept else None,
            "gain": asdict(self.gain),
            "forgetting": {**asdict(self.forgetting), "state": self.forgetting.state},
        }


@dataclass(frozen=True)
class Sweep:
    """`trials` go from full strength downwards; `base` is what is left at none. `rows` names the validation rows."""

    model: str
    rows: str
    base: ModelResult
    trials: tuple[Trial, ...]
    margin: float

    @cached_property
    def eligible(self) -> tuple[Trial, ...]:
        """Those that keep the task, without a gap from full strength on, and do it better than the base."""
        reached = []
        for trial in self.trials:
            if not trial.keeps_task:
                break
            reached.append(trial)
        return tuple(trial for trial in reached if trial.gain.word == "better")

    @cached_property
    def choice(self) -> Trial | None:
        """Of those that lose the least the strongest: there is no reason to give away more of the task."""
        return min(self.eligible, key=lambda trial: trial.lost, default=None)

    @cached_property
    def promising(self) -> Trial | None:
        """Of those that lose less than full strength, and may keep the task though it is not proven, the best."""
        full = self.trials[0]
        able = [each for each in self.trials[1:] if each.kept and each.kept.state != "broken" and each.lost < full.lost]
        return min((each for each in able if each.gain.word == "better"), key=lambda each: each.lost, default=None)

    @property
    def recommended(self) -> float | None:
        """None where no strength below the full one is better than that."""
        return self.choice.strength if self.choice and self.choice is not self.trials[0] else None

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """Sentences without a full stop, the answer first, and last what was not measured."""
        return (*explain_choice(self), *filter(None, [self.trials[0].forgetting.unsearched]))

    def to_json(self) -> dict[str, Any]:
        base = self.base
        return {
            "model": self.model,
            "rows": self.rows,
            "margin": self.margin,
            "recommended": self.recommended,
            "reasons": list(self.reasons),
            "base": {
                "model": base.model,
                "passed": base.passed,
                "total": base.total,
                "pass_rate": base.pass_rate,
                "interval": base.interval._asdict(),
                "mean_score": base.mean_score,
            },
            "trials": [trial.to_json() for trial in self.trials],
        }


def judge_strengths(
    base: ModelResult, results: Mapping[float, ModelResult], forgetting: Mapping[float, Forgetting], *, margin: float
) -> tuple[Trial, ...]:
    """By strength, of which the full one is among them; the words about the gains hold for all together."""
    strengths = sorted(results, reverse=True)
    full = results[strengths[0]]
    gains = adjust_effects(
        [measure_effect(f"strength {strength:g}", pair_passes(base, results[strength], None)) for strength in strengths]
    )
    trials = [
        Trial(strength, results[strength], forgetting[strength], gain)
        for strength, gain in zip(strengths, gains, strict=True)
    ]
    return (trials[0], *(replace(trial, kept=hold_against(full, trial, margin)) for trial in trials[1:]))


def hold_against(full: ModelResult, trial: Trial, margin: float) -> Guardrail:
    return check_guardrail(f"strength {trial.strength:g}", pair_passes(full, trial.result, None), margin=margin)


def explain_choice(sweep: Sweep) -> list[str]:
    full, choice = sweep.trials[0], sweep.choice
    if not any(full.lost):
        return [f"{sweep.model} has forgotten nothing that is measured: leave it as it is"]
    if choice is None:
        return [explain_failure(sweep)]
    if choice is full:
        return explain_staying(sweep)
    kept = choice.kept
    worst = f", and lower by {phrase_points(-kept.interval.low).lstrip('+')} at worst" if kept else ""
    return [
        f"strength {choice.strength:g}: {describe_lost(choice)}, {describe_lost(full)} at full strength",
        f"{describe_passed(choice, full)}{worst}",
        *explain_end(sweep),
    ]


def explain_staying(sweep: Sweep) -> list[str]:
    full, promising = sweep.trials[0], sweep.promising
    if promising is None:
        return [f"leave {sweep.model} as it is: no lower strength that may keep its task loses less beside it"]
    margin = phrase_points(sweep.margin).lstrip("+")
    return [
        f"leave {sweep.model} as it is: no strength that loses less is proven to keep all but {margin} of the task",
        f"strength {promising.strength:g} may be one: {describe_lost(promising)}, {describe_lost(full)} at full "
        "strength",
        f"{describe_passed(promising, full)}; more validation rows would tell, or a wider --margin",
    ]


def explain_failure(sweep: Sweep) -> str:
    full, base = sweep.trials[0].result, sweep.base
    return (
        f"nothing is worth keeping: {sweep.model} passes {full.passed} of {full.total} validation rows and its base "
        f"{base.passed}, so that it is not proven better, and neither is a lower strength that keeps up with it; tune "
        "again with a lower learning_rate, or with more rows"
    )


def explain_end(sweep: Sweep) -> list[str]:
    """Why weaker ones do not count, if any were tried."""
    stopped = next((trial for trial in sweep.trials if not trial.keeps_task), None)
    if stopped is None or stopped.kept is None:
        return []
    loss, margin = (phrase_points(share).lstrip("+") for share in (-stopped.kept.interval.low, sweep.margin))
    if stopped.kept.state == "broken":
        return [f"from {stopped.strength:g} on more than {margin} of the task are lost"]
    return [f"from {stopped.strength:g} on as much as {loss} of the task may be lost, and {margin} are let pass"]


def describe_lost(trial: Trial) -> str:
    """`1 of 5 families degraded and 1 unsure`."""
    (degraded, unsure), total = trial.lost, len(trial.forgetting.families)
    return f"{degraded or 'none'} of {total} families degraded" + (f" and {unsure} unsure" if unsure else "")


def describe_passed(trial: Trial, full: Trial) -> str:
    rows = f"{trial.result.passed} of {trial.result.total} validation rows"
    return f"it passes {rows}, {full.result.passed} at full strength"
