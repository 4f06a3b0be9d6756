"""Measured rungs and what their answers cost go in, when the tuned model has paid for itself comes out."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from luthier.advise.rungs import TRAINED
from luthier.evaluation.wording import phrase_dollars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from luthier.advise.ladder import Step

HOURS_PER_MONTH = 730
LISTED_SHOWN = 3


class ListedPrice(NamedTuple):
    """What a hosted model costs that nobody has asked here; dollars per million tokens."""

    model: str
    input: float
    output: float
    seen: str


class Rival(NamedTuple):
    """A hosted model and its dollars per 1,000 answers; `seen` is empty for one that was measured."""

    name: str
    dollars: float
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Economics:
    """`machine_dollars_per_hour` of this machine; 0 where nobody has said it.

    `upfront_dollars` is what the tuned model costs once beside the machine's time, such as the work on its rows.
    """

    machine_dollars_per_hour: float = 0.0
    upfront_dollars: float = 0.0
    requests_per_month: int | None = None
    training_seconds: float | None = None
    listed: tuple[ListedPrice, ...] = ()


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The tuned model against a hosted one, in dollars per 1,000 answers.

    `requests` is after how many the upfront dollars have come back: None for never. `months` is that at the stated
    requests per month. `whole_machine_requests` is from how many requests a month on a machine that is paid for around
    the clock costs less than the hosted model. `is_listed`: the hosted price is reckoned from a table, as `seen` on
    a day, and the tuned model's own counts of tokens, and its quality was not measured. `misses_target`: the tuned
    model is not good enough at any price.
    """

    hosted: str
    tuned: str
    hosted_dollars: float
    tuned_dollars: float
    upfront_dollars: float
    requests: int | None
    months: float | None
    whole_machine_requests: int
    is_listed: bool
    misses_target: bool
    seen: str = ""

    @property
    def sentence(self) -> str:
        own, others = phrase_dollars(self.tuned_dollars), phrase_dollars(self.hosted_dollars)
        source = ", by the table of prices" if self.is_listed else ""
        told = f"{self.tuned} costs {own} per 1,000 answers and {self.hosted} {others}{source}: "
        if self.misses_target:
            return told + "but it misses the target, so its price decides nothing."
        if self.requests is None:
            return told + "it never pays for itself by what an answer costs."
        after = f"it has paid for itself after {self.requests:,} requests"
        return told + after + (f", {phrase_months(self.months)}." if self.months is not None else ".")


def find_break_evens(
    steps: Sequence[Step], prices: Mapping[str, float | None], economics: Economics
) -> tuple[BreakEven, ...]:
    """Against each hosted rung, or where none was measured the cheapest of the listed ones. Empty without a tuned rung
    of this machine or without a price for its time. `prices` are dollars per 1,000 answers by the name of the step."""
    tuned = next((step for step in steps if step.rung.technique in TRAINED and not step.rung.is_hosted), None)
    own = prices.get(tuned.name) if tuned else None
    if tuned is None or own is None:
        return ()
    hosted = [Rival(step.name, prices.get(step.name) or 0.0) for step in steps if step.rung.is_hosted]
    if not hosted:
        rivals = [Rival(each.model, price_listed(each, tuned), each.seen) for each in economics.listed]
        hosted = sorted(rivals, key=lambda rival: (rival.dollars, rival.name))[:LISTED_SHOWN]
    return tuple(find_break_even(rival, tuned, own, economics) for rival in hosted if rival.dollars > 0)


def price_listed(listed: ListedPrice, tuned: Step) -> float:
    """Per 1,000 answers, by the tuned model's own tokens; 0 where they were not counted."""
    prompt, answer = tuned.prompt_tokens or 0.0, tuned.answer_tokens or 0.0
    return 1000 * (prompt * listed.input + answer * listed.output) / 1e6


def find_break_even(rival: Rival, tuned: Step, tuned_dollars: float, economics: Economics) -> BreakEven:
    hourly = economics.machine_dollars_per_hour
    upfront = economics.upfront_dollars + hourly * (economics.training_seconds or 0.0) / 3600
    saved = (rival.dollars - tuned_dollars) / 1000
    requests = ceil(upfront / saved) if saved > 0 else None
    monthly = economics.requests_per_month
    return BreakEven(
        hosted=rival.name,
        tuned=tuned.name,
        hosted_dollars=rival.dollars,
        tuned_dollars=tuned_dollars,
        upfront_dollars=upfront,
        requests=requests,
        months=requests / monthly if requests is not None and monthly else None,
        whole_machine_requests=ceil(HOURS_PER_MONTH * hourly / (rival.dollars / 1000)),
        is_listed=bool(rival.seen),
        misses_target=tuned.state == "not_met",
        seen=rival.seen,
    )


def phrase_months(months: float) -> str:
    return "in less than a month" if months < 1 else f"in {months:,.0f} months"
