"""`estimate` says what `tune` would cost, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from luthier import pipeline
from luthier.cli.render_estimate import list_warnings, phrase_bytes, phrase_dollars, render_estimate
from luthier.data.prices import Price, price_job
from luthier.training.planning.estimate import Need
from luthier.training.planning.probe import ProbedStep
from tests.cli.conftest import QUICK
from tests.training.planning.test_estimate import PROBE, estimate

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from luthier.store.home import Home
    from tests.cli.conftest import Call

SEEN = date(2026, 1, 1)
PRICE = Price(
    service="Here",
    model="small",
    dollars_per_million_tokens=3,
    seen=SEEN,
    source="a page",
    url="https://example.com/",
    note="only on Mondays",
)


def test_a_job_is_probed_priced_and_not_begun(call: Call, orders: Path, tiny_base: Base, home_folder: Path) -> None:
    document = call("estimate", orders, "--base", tiny_base.name, *QUICK, "--json").document
    assert {side: rows["rows"] for side, rows in document["splits"].items()} == {
        "train": 24,
        "validation": 3,
        "test": 3,
    }
    assert (document["steps"], document["epochs"]) == (6, 1)
    assert document["tokens"] == document["splits"]["train"]["tokens"]
    low, middle, high = (document["seconds"][key] for key in ("low", "median", "high"))
    assert 0 < low <= middle <= high
    memory, seen = document["memory"], document["probe"]["peak_bytes"]
    calculated = sum(memory["parts"].values())
    assert memory["needed"] == max(seen, calculated) > 0
    assert memory["is_measured"] == (seen >= calculated)  # a process that has trained before need not grow
    assert document["prices"]
    assert list((home_folder / "runs").iterdir()) == []
    assert call("runs", "--json").document["runs"] == []


def test_it_counts_what_tune_will_count(call_tuned: Call, orders: Path, tiny_base: Base) -> None:
    found = call_tuned("estimate", orders, "--base", tiny_base.name, *QUICK, "--no-probe", "--json").document
    rows = call_tuned("show", "tiny-orders", "--json").document["manifest"]["rows"]
    assert {side: found["splits"][side] for side in ("train", "validation")} == {
        side: rows[side] for side in ("train", "validation")
    }


def test_without_a_probe_no_time_is_told(call: Call, orders: Path, tiny_base: Base) -> None:
    outcome = call("estimate", orders, "--base", tiny_base.name, *QUICK, "--no-probe")
    assert "not known without a probe" in outcome.out
    assert "probing" not in outcome.err
    assert "calculated" in outcome.out


def test_what_would_stop_tune_stops_the_estimate(call: Call, orders: Path, tiny_base: Base) -> None:
    short = ("--set", "max_length=300")
    outcome = call("estimate", orders, "--base", tiny_base.name, *QUICK, *short, "--no-probe", "--json")
    assert (outcome.code, outcome.document["error"]["code"]) == (1, "example_too_long")
    assert "overlong=drop" in outcome.document["error"]["hint"]


def test_a_table_of_ones_own_replaces_the_shipped_one(
    call: Call, orders: Path, tiny_base: Base, tmp_path: Path
) -> None:
    table = tmp_path / "prices.toml"
    table.write_text(
        '[[price]]\nservice = "Here"\nmodel = "small"\ndollars_per_million_tokens = 1e6\n'
        'seen = 2000-01-01\nsource = "a page"\nurl = "https://example.com/"\n'
    )
    outcome = call("estimate", orders, "--base", tiny_base.name, *QUICK, "--no-probe", "--prices", table, "--json")
    (price,) = outcome.document["prices"]
    assert price["dollars"] == outcome.document["tokens"]
    assert "warning: 1 of 1 prices are old, the oldest from 2000-01-01" in outcome.err


def test_prices_grow_old_by_the_clock(orders: Path, tiny_base: Base, home: Home) -> None:
    fresh, later = (
        pipeline.estimate(orders, base=tiny_base.name, probes=False, home=home, today=day)
        for day in (date(2026, 11, 23), date(2027, 11, 23))
    )
    assert not any(job.is_old for job in fresh.prices)
    assert all(job.is_old for job in later.prices)


def test_the_table_shows_counts_needs_and_prices() -> None:
    prices = price_job([PRICE], training_tokens=3000, validation_tokens=0, today=SEEN)
    text = render_estimate(estimate(prices=prices, memory=Need(2**30, 2**33, is_measured=True)))
    assert "train       20    1,000   300      700     90       0" in text
    assert "3,000 in 3 epochs, of which 900 are trained" in text
    assert "1.0 GiB or more, measured; 8.0 GiB are free" in text
    assert "under $0.01" in text
    assert text.endswith("Here: https://example.com/ (only on Mondays)")


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"memory": Need(10, 9, is_measured=False)}, "too little memory"),
        ({"memory": Need(10, 14, is_measured=True)}, "memory is tight"),
        ({"disk": Need(10, 9, is_measured=False)}, "too little room on the disk"),
        ({"probe": replace(PROBE, steps=(ProbedStep("typical", 9, 9.0),))}, "longest batch was not probed"),
        ({"probe": replace(PROBE, load_fraction=0.6)}, "other programs kept this machine busy"),
        (
            {"prices": price_job([PRICE], training_tokens=1, validation_tokens=0, today=date(2026, 8, 1))},
            "1 of 1 prices are old",
        ),
    ],
)
def test_what_should_make_one_hesitate_is_said(changes: dict[str, object], warning: str) -> None:
    assert list_warnings(estimate()) == []
    (told,) = list_warnings(estimate(**changes))
    assert warning in told


def test_sizes_and_sums_are_readable() -> None:
    assert (phrase_bytes(3 * 2**29), phrase_bytes(37 * 2**20)) == ("1.5 GiB", "37 MiB")
    assert (phrase_dollars(1234.5), phrase_dollars(0.004)) == ("$1,234.50", "under $0.01")
