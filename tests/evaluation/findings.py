"""What may be found out about a candidate besides its answers, made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.evaluation.canaries import CanaryFindings, Reproduction
from luthier.evaluation.contamination import Contamination, LeakedCase, RowsChecked
from luthier.evaluation.forgetting.finding import Family, Forgetting, ProbeCase
from luthier.evaluation.judging.agreement import JudgeAgreement, Opinion, measure_judge
from luthier.evaluation.latency import Latency, Spread
from luthier.evaluation.memory import MemoryProbe
from luthier.stats.independent import independent_difference_interval
from luthier.stats.intervals import Interval

if TYPE_CHECKING:
    from luthier.evaluation.contamination import LeakKind
    from luthier.evaluation.forgetting.finding import FamilyState


def build_forgetting(state: FamilyState) -> Forgetting:
    """Three families, of which one is in the state and the others are well."""
    losses = {"ok": 0.01, "degraded": 1.4, "cannot_tell": 0.05}
    case = ProbeCase("What is the capital of France?", "Paris.", "Sorry for order 3124.", "speaks of orders")
    return Forgetting(
        suite="2026.11+0123456789ab",
        baseline="smollm2",
        candidate="orders-v1",
        families=(
            build_family("general_text", "General text", losses[state], state, unit="nats per token", margin=0.05),
            build_family("instructions", "Simple instructions", -0.02, "ok", unit="share of answers", margin=0.1),
            build_family("leakage", "Leakage", 0.0, "ok", unit="share of answers", margin=0.0, examples=(case,)),
        ),
        on_task_kl=1.7,
        remedies=("a lower learning rate, or fewer epochs", "rows of other kinds among the training rows")
        if state == "degraded"
        else (),
    )


def build_family(
    key: str,
    title: str,
    measured: float,
    state: FamilyState,
    *,
    unit: str,
    margin: float,
    examples: tuple[ProbeCase, ...] = (),
) -> Family:
    return Family(
        key=key,
        title=title,
        measured=measured,
        interval=Interval(measured - 0.02, measured + 0.02),
        margin=margin,
        unit=unit,
        baseline=0.5,
        candidate=0.5 - measured,
        total=64,
        state=state,
        explanation=f"worse by {measured:.2f}, and {margin:.2f} is allowed",
        examples=examples,
    )


def build_contamination(kind: LeakKind, *, lines: tuple[int, ...], note: str = "") -> Contamination:
    """Of the candidate, which has met these lines."""
    cases = tuple(
        LeakedCase("orders-v1", f"case-{line}", line, kind, "train.jsonl", line + 100, 0.93, "a lamp", "test", "train")
        for line in lines
    )
    return Contamination(30, cases, (RowsChecked("orders-v1", 200, "rows", note),))


def build_judge(name: str, *, agreed: int) -> JudgeAgreement:
    """Two opinions that are the same of each of so many answers; none at all where nothing was labelled."""
    opinions = [Opinion(people=bool(place % 2), judge=bool(place % 2)) for place in range(agreed)]
    return measure_judge(name, opinions)


def build_latency(model: str, seconds: float) -> Latency:
    return Latency(model, 5, Spread(seconds / 4, seconds / 5, seconds / 3), Spread(seconds, seconds, seconds), 40.0)


def build_memory(train_passed: int, held_out_passed: int, *, total: int = 100) -> MemoryProbe:
    interval = independent_difference_interval(train_passed, total, held_out_passed, total)
    return MemoryProbe("orders-v1", train_passed, total, held_out_passed, total, interval)


def build_canaries(*, reproduced: int) -> CanaryFindings:
    found = tuple(Reproduction(f"c{place}", "orders-v1", "lure", "tell", "secret") for place in range(reproduced))
    return CanaryFindings("orders-v1", 5, 60, found)
