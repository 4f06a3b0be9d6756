"""An estimate becomes tables for people, and sentences for what in it should make them hesitate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.cli.render import format_table
from luthier.evaluation.wording import phrase_seconds
from luthier.training.planning.choices import list_lines
from luthier.training.planning.footprint import PART_NAMES, phrase_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.data.prices import JobPrice
    from luthier.training.planning.estimate import Estimate, Need


def render_estimate(estimate: Estimate) -> str:
    """The settings, the rows, what the run needs, and what it would cost elsewhere where that was asked for."""
    parts = [_tabulate_splits(estimate), _tabulate_needs(estimate)]
    if estimate.choices:
        parts.insert(0, "\n".join(["settings, and where they come from:", *list_lines(estimate.choices)]))
    if estimate.prices:
        parts.append(f"the same job at hosted services, about:\n{_tabulate_prices(estimate.prices)}")
    return "\n\n".join(parts)


def list_warnings(estimate: Estimate) -> list[str]:
    """What may keep the run from its end, and prices that nobody has looked up for long."""
    return [
        *estimate.advice,
        *_warn_of_time(estimate),
        *_warn_of_memory(estimate),
        *_warn_of_disk(estimate.disk),
        *_warn_of_prices(estimate.prices),
    ]


def phrase_dollars(dollars: float) -> str:
    return f"${dollars:,.2f}" if dollars >= 0.01 else "under $0.01"


def _warn_of_time(estimate: Estimate) -> Iterator[str]:
    if estimate.probe and estimate.probe.is_disturbed:
        yield "other programs kept this machine busy before the probe: the time holds only while they go on"


def _warn_of_memory(estimate: Estimate) -> Iterator[str]:
    advice = "free some, or lower micro_batch_tokens, or take a smaller base"
    if not estimate.memory.fits:
        yield f"there is too little memory: {advice}"
    elif estimate.memory.is_tight:
        yield f"memory is tight, and grows a little with each step: {advice}"
    if estimate.probe and not estimate.probe.saw_longest:
        yield "the longest batch was not probed, since it would take too long: expect to need more memory"


def _warn_of_disk(disk: Need) -> Iterator[str]:
    if not disk.fits:
        yield "there is too little room on the disk of the home folder"


def _warn_of_prices(jobs: Sequence[JobPrice]) -> Iterator[str]:
    old = [job.price.seen for job in jobs if job.is_old]
    if old:
        yield f"{len(old)} of {len(jobs)} prices are old, the oldest from {min(old)}: follow their sources"


def _tabulate_splits(estimate: Estimate) -> str:
    rows: list[tuple[str, ...]] = [("split", "rows", "tokens", "trained", "masked", "longest", "left out")]
    for side, counts in estimate.sides.items():
        masked = counts.tokens - counts.trained_tokens
        numbers = (counts.rows, counts.tokens, counts.trained_tokens, masked, counts.longest, len(counts.dropped))
        rows.append((side, *(f"{number:,}" for number in numbers)))
    return format_table(rows)


def _tabulate_needs(estimate: Estimate) -> str:
    epochs = "1 epoch" if estimate.epochs == 1 else f"{estimate.epochs} epochs"
    rows = [
        ("base", estimate.base),
        ("tokens", f"{estimate.tokens:,} in {epochs}, of which {estimate.trained_tokens:,} are trained"),
        ("computed", _phrase_computed(estimate)),
        ("steps", f"{estimate.steps:,}, each of {estimate.batch_size} rows"),
        ("time", _phrase_time(estimate)),
        ("memory", _phrase_need(estimate.memory)),
        *((f"  {PART_NAMES[name]}", phrase_bytes(size)) for name, size in estimate.footprint._asdict().items() if size),
        ("disk", f"up to {phrase_bytes(estimate.disk.needed)}; {phrase_bytes(estimate.disk.free)} are free"),
    ]
    return format_table(rows)


def _phrase_computed(estimate: Estimate) -> str:
    """Tokens of the rows and tokens that go through the model: they differ by what rows of a batch begin with."""
    row_tokens, computed = estimate.workload
    if computed == row_tokens:
        return f"{computed:,} tokens: no rows of a batch begin alike"
    return f"{computed:,} tokens: what rows of a batch begin with is computed once, {computed / row_tokens:.0%} of all"


def _phrase_time(estimate: Estimate) -> str:
    if estimate.seconds is None or estimate.probe is None:
        return "not known without a probe of this machine"
    low, median, high = (phrase_seconds(seconds) for seconds in estimate.seconds)
    rate = f"{len(estimate.probe.steps)} steps here, at {estimate.probe.tokens_per_second:,.0f} tokens/s"
    return f"about {median}, between {low} and {high}; measured in {rate}"


def _phrase_need(need: Need) -> str:
    how = "measured" if need.is_measured else "calculated"
    return f"{phrase_bytes(need.needed)} or more, {how}; {phrase_bytes(need.free)} are free"


def _tabulate_prices(jobs: Sequence[JobPrice]) -> str:
    """Where each price comes from stands below the table, once for each source."""
    rows = [("service", "model", "price", "per 1M tokens", "seen")]
    sources: dict[str, None] = {}
    for job in jobs:
        price = job.price
        rate = f"${price.dollars_per_million_tokens:,.2f}"
        rows.append((price.service, price.model, phrase_dollars(job.dollars), rate, f"{price.seen}"))
        sources[f"{price.service}: {price.url}" + (f" ({price.note})" if price.note else "")] = None
    return "\n".join([format_table(rows), *sources])
