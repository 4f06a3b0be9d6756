"""What a thousand answers of a model cost: by the price of whoever serves it, or by this machine's time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.engine.remote.address import is_remote
from luthier.evaluation.wording import phrase_dollars, phrase_seconds

if TYPE_CHECKING:
    from luthier.evaluation.latency import Latency
    from luthier.evaluation.result import ModelResult

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Cost:
    """`source` says what the number rests on, or why there is none."""

    model: str
    dollars_per_thousand: float | None
    source: str


def estimate_cost(result: ModelResult, latency: Latency | None, machine_dollars_per_hour: float) -> Cost:
    """Of a hosted model the mean price of its answers to the test; of one of this machine the time of an answer that
    has the machine to itself, which is the most that it costs: batches share it. A hosted model may cost nothing; a
    rate of 0 for the machine is not known."""
    if is_remote(result.model):
        return _price_hosted(result)
    if machine_dollars_per_hour == 0:
        return Cost(result.model, None, "machine_dollars_per_hour is not set")
    if latency is None:
        return Cost(result.model, None, "the time of an answer was not measured")
    seconds = latency.whole_seconds.median
    dollars = 1000 * seconds * machine_dollars_per_hour / SECONDS_PER_HOUR
    hourly = phrase_dollars(machine_dollars_per_hour)
    return Cost(result.model, dollars, f"{phrase_seconds(seconds)} an answer on a machine of {hourly} an hour")


def _price_hosted(result: ModelResult) -> Cost:
    answered = result.total - result.unanswered
    if result.cost_dollars is None:
        return Cost(result.model, None, "no price of it is known")
    if answered == 0:
        return Cost(result.model, None, "it answered nothing")
    return Cost(result.model, 1000 * result.cost_dollars / answered, "the price of its answers to this test")
