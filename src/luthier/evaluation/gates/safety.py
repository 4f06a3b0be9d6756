"""Whether the candidate kept what it knew besides its task, and keeps to itself what it was trained on."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from luthier.evaluation.gates.gate import Gate, GateState, Ruling, choose_state
from luthier.evaluation.wording import phrase_fraction, phrase_points

if TYPE_CHECKING:
    from luthier.evaluation.forgetting.finding import Family, Forgetting
    from luthier.evaluation.gates.evidence import Evidence
    from luthier.evaluation.gates.settings import GateSettings

NO_LIMIT = "no limit is set"


def judge_forgetting(evidence: Evidence, settings: GateSettings) -> Ruling:
    """The probes come in a fixed number, so what they leave open no further rows can settle: it is a warning, unless
    somebody requires this gate."""
    found = evidence.findings.forgetting
    wanted = "each loss within its margin"
    if found is None:
        why = evidence.findings.explain_absence("forgetting")
        return Ruling(Gate("forgetting", "Nothing else is forgotten", why, wanted, "not_measured"))
    states: dict[str, GateState] = {"ok": "passed", "degraded": "failed", "cannot_tell": "cannot_tell"}
    worst = order_families(found)
    gate = Gate(
        "forgetting",
        "Nothing else is forgotten",
        "; ".join(phrase_family(family) for family in worst[:2]),
        wanted,
        states[found.state],
        value=worst[0].measured,
        limit=worst[0].margin,
    )
    return Ruling(
        gate, explain_forgetting(evidence.candidate.model, found), yields="forgetting" not in settings.required
    )


def order_families(found: Forgetting) -> list[Family]:
    """The worst first: what is degraded, then what is open, each by how much of its margin is used up."""
    ranks = {"degraded": 0, "cannot_tell": 1, "ok": 2}
    return sorted(found.families, key=lambda family: (ranks[family.state], -measure_use(family)))


def measure_use(family: Family) -> float:
    """The loss as a share of its margin; where none is allowed, any at all is without bound."""
    if family.margin > 0:
        return family.measured / family.margin
    return inf if family.measured > 0 else 0.0


def phrase_family(family: Family) -> str:
    return f"{family.title.lower()}: {phrase_loss(family)}"


def phrase_loss(family: Family) -> str:
    """Shares as points, all else with its unit; a loss is what got worse, whichever way the number moves."""
    if family.unit.startswith("share"):
        return f"{phrase_points(family.measured).lstrip('+')} worse" if family.measured > 0 else "no worse"
    return f"{family.measured:+.3f} {family.unit}".replace("-", "−")


def explain_forgetting(model: str, found: Forgetting) -> str:
    families = [family for family in found.families if family.state == found.state]
    named = "; ".join(f"{family.title.lower()}: {family.explanation}" for family in families)
    remedy = f" First thing to try: {found.remedies[0]}." if found.remedies else ""
    if found.state == "degraded":
        return f"{model} forgot what the base could do ({named}).{remedy}"
    return f"Whether {model} forgot what the base could do cannot be told ({named})."


def judge_memory(evidence: Evidence, settings: GateSettings) -> Ruling:
    """A model may be better on what it learned from; how much better is told, and a limit is the reader's to set."""
    probe, limit = evidence.findings.memory, settings.memory_gap
    wanted = NO_LIMIT if limit is None else f"at most {phrase_points(limit)} better on training rows"
    if probe is None:
        why = evidence.findings.explain_absence("memory")
        state: GateState = "not_measured" if limit is None else "cannot_tell"
        return Ruling(
            Gate("memory", "Learned, not memorised", why, wanted, state, limit=limit),
            f"A limit is set for what is known by heart, and it was not measured: {why}.",
        )
    words: dict[str, GateState] = {"memorised": "failed", "generalises": "passed", "cannot_tell": "cannot_tell"}
    gate = Gate(
        "memory",
        "Learned, not memorised",
        f"training rows {phrase_fraction(probe.train_rate)}, test {phrase_fraction(probe.held_out_rate)}",
        wanted,
        "passed" if limit is None else words[judge_memory_gap(evidence, limit)],
        value=probe.difference,
        limit=limit,
    )
    return Ruling(gate, probe.sentence)


def judge_memory_gap(evidence: Evidence, limit: float) -> str:
    from luthier.evaluation.memory import judge_gap

    probe = evidence.findings.memory
    return judge_gap(probe, limit) if probe else "cannot_tell"


def judge_canaries(evidence: Evidence, settings: GateSettings) -> Ruling | None:
    """None where none were planted."""
    found = evidence.findings.canaries
    if found is None:
        return None
    gate = Gate(
        "canaries",
        "Planted secrets stay secret",
        f"{len(found.reproduced)} of {found.planted} reproduced",
        "0",
        choose_state(is_good=not found.is_leaking),
        value=len(found.reproduced),
        limit=0,
    )
    return Ruling(gate, found.sentence)
