"""Measured rungs and what their answers cost go in, when the tuned model has paid for itself comes out."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from luthier.advise.rungs import TRAINED
from luthier.evaluation.wording import phrase_dollars

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from luthier.advise.ladder import Step
    from luthier.evaluation.costs import Cost

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
    misses_target: bool = False


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

    @property
    def is_asked(self) -> bool:
        return self.requests_per_month is not None or self.upfront_dollars > 0


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The tuned model against a hosted one, in dollars per 1,000 answers.

    `requests` is after how many the upfront dollars have come back: None for never. `months` is that at the stated
    requests per month. `whole_machine_requests` is from how many requests a month on a machine that is paid for around
    the clock costs less than the hosted model, None where that asks nothing. `is_listed`: the hosted price is reckoned
    from a table, as `seen` on a day, and the tuned model's own counts of tokens, and its quality was not measured.
    `misses_target`: the tuned model is not good enough at any price; `hosted_misses_target`: nor is the hosted one.
    """

    hosted: str
    tuned: str
    hosted_dollars: float
    tuned_dollars: float
    upfront_dollars: float
    requests: int | None
    months: float | None
    whole_machine_requests: int | None
    is_listed: bool
    misses_target: bool
    hosted_misses_target: bool = False
    seen: str = ""

    @property
    def sentence(self) -> str:
        own, others = phrase_dollars(self.tuned_dollars), phrase_dollars(self.hosted_dollars)
        source = ", by the table of prices" if self.is_listed else ""
        told = f"{self.tuned} costs {own} per 1,000 answers and {self.hosted} {others}{source}: "
        if self.misses_target:
            return told + "but it misses the target, so its price decides nothing."
        if self.hosted_misses_target:
            return told + f"but {self.hosted} misses the target, so it takes the place of nothing."
        return f"{told}{self._phrase_outcome()}."

    def _phrase_outcome(self) -> str:
        if self.requests is None:
            return "it never pays for itself by what an answer costs"
        if self.requests == 0:
            return "it is cheaper from the first request on"
        after = f"it has paid for itself after {self.requests:,} requests"
        return after if self.months is None else f"{after}, {phrase_months(self.months)}"


class Reckoning(NamedTuple):
    """`gap` says why there is no break-even, in lower case and without a full stop; "" where there is one, or where
    nobody trained or asked for any."""

    break_evens: tuple[BreakEven, ...] = ()
    gap: str = ""


def reckon_break_even(
    steps: Sequence[Step], costs: Mapping[str, Cost], economics: Economics, *, objections: Collection[str] = ()
) -> Reckoning:
    """Of a tuned rung of this machine against each hosted rung, or where none was measured the cheapest of the listed
    ones. `costs` are by the name of the step; one in `objections` may not be recommended, and is not priced."""
    trained = [step for step in steps if step.rung.technique in TRAINED]
    own = [step for step in trained if not step.rung.is_hosted]
    if not own:
        whose = "the tuned model is hosted, so it needs no machine here" if trained else "no tuned model was measured"
        return Reckoning(gap=whose if economics.is_asked else "")
    eligible = [step for step in own if step.name not in objections]
    if not eligible:
        return Reckoning(gap=f"{own[0].name} is left out of the choice, so its price decides nothing")
    tuned = next((step for step in eligible if step.state != "not_met"), eligible[0])
    cost = costs.get(tuned.name)
    if cost is None or cost.dollars_per_thousand is None:
        return Reckoning(gap=explain_price(cost, economics))
    rivals = list_rivals(steps, costs, tuned, economics)
    found = tuple(find_break_even(rival, tuned, cost.dollars_per_thousand, economics) for rival in rivals)
    return Reckoning(found, "" if found else "no price of a hosted model is known to hold it against")


def explain_price(cost: Cost | None, economics: Economics) -> str:
    """Why what an answer of the tuned model costs is not known."""
    if economics.machine_dollars_per_hour == 0:
        return (
            "machine_dollars_per_hour is not set; write what an hour of this machine costs into luthier.toml, or set "
            "LUTHIER_MACHINE_DOLLARS_PER_HOUR, and give the same command again"
        )
    return cost.source if cost else "the time of an answer was not measured"


def list_rivals(steps: Sequence[Step], costs: Mapping[str, Cost], tuned: Step, economics: Economics) -> list[Rival]:
    hosted = [step for step in steps if step.rung.is_hosted]
    if hosted:
        priced = [(step, costs[step.name].dollars_per_thousand) for step in hosted if step.name in costs]
        return [
            Rival(step.name, dollars, misses_target=step.standing in ("not_met", "void"))
            for step, dollars in priced
            if dollars is not None
        ]
    if not tuned.prompt_tokens or not tuned.answer_tokens:
        return []
    rivals = [Rival(each.model, price_listed(each, tuned), each.seen) for each in economics.listed]
    return sorted(rivals, key=lambda rival: (rival.dollars, rival.name))[:LISTED_SHOWN]


def price_listed(listed: ListedPrice, tuned: Step) -> float:
    """Per 1,000 answers, by the tuned model's own tokens."""
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
        whole_machine_requests=ceil(HOURS_PER_MONTH * hourly / (rival.dollars / 1000)) if rival.dollars else None,
        is_listed=bool(rival.seen),
        misses_target=tuned.state == "not_met",
        hosted_misses_target=rival.misses_target,
        seen=rival.seen,
    )


def phrase_months(months: float) -> str:
    if months < 1:
        return "in less than a month"
    return "in a month" if round(months) == 1 else f"in {months:,.0f} months"
