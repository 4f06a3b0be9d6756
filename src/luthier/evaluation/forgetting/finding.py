"""What was lost beside the task: one finding for each family of probes, as reports keep and show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from luthier.stats.intervals import Interval

FamilyState = Literal["ok", "degraded", "cannot_tell"]

MOST_EXAMPLES = 5


@dataclass(frozen=True)
class ProbeCase:
    """One item on which the candidate is the worse; `note` says in what."""

    prompt: str
    baseline: str
    candidate: str
    note: str


@dataclass(frozen=True)
class Family:
    """`measured` is the loss in `unit`: how much worse the candidate is, so that a gain is negative. It may be
    `margin`, and each end of its `interval` is a one-sided bound of 95 percent, as a guardrail's.

    `baseline` and `candidate` are the levels of the two, and `total` the items that all of it rests on. `examples` are
    the worst, at most `MOST_EXAMPLES`.
    """

    key: str
    title: str
    measured: float
    interval: Interval
    margin: float
    unit: str
    baseline: float
    candidate: float
    total: int
    state: FamilyState
    explanation: str
    examples: tuple[ProbeCase, ...] = ()


@dataclass(frozen=True)
class Forgetting:
    """`suite` names the version and the content of the probes. `on_task_kl` is the mean KL(baseline‖candidate) in nats
    per token of the task's own prompts, None without such; it is told and decides nothing.

    `unsearched` says where the task's words were not looked for, or not all of them, and why; "" where they were.
    `remedies` are in the order in which to try them, and there are none unless something is degraded.
    """

    suite: str
    baseline: str
    candidate: str
    families: tuple[Family, ...]
    on_task_kl: float | None = None
    remedies: tuple[str, ...] = ()
    unsearched: str = ""

    @property
    def state(self) -> FamilyState:
        """That of the worst family."""
        states = {family.state for family in self.families}
        if "degraded" in states:
            return "degraded"
        return "ok" if states == {"ok"} else "cannot_tell"


@dataclass(frozen=True)
class NotMeasured:
    """Why nothing is known, in lower case and without a full stop."""

    reason: str
