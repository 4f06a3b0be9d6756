"""The table of prices is dated and sourced, and a job's price follows from its tokens."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from luthier.data.prices import Price, load_prices, price_job
from luthier.errors import FileMissing, InvalidConfig

if TYPE_CHECKING:
    from pathlib import Path

SEEN = date(2026, 11, 22)
TABLE = """
[[price]]
service = "Here"
model = "small"
dollars_per_million_tokens = 2
seen = 2026-11-22
source = "a page"
url = "https://example.com/prices"
"""


def price(dollars: float, **changes: object) -> Price:
    values = {"service": "Here", "model": "small", "dollars_per_million_tokens": dollars, "seen": SEEN}
    return Price(**{**values, "source": "a page", "url": "https://example.com/", **changes})


def test_every_shipped_price_says_where_and_when_it_was_seen() -> None:
    prices = load_prices()
    assert len({(each.service, each.model) for each in prices}) == len(prices) >= 5
    assert all(each.url.startswith("https://") and each.source for each in prices)


def test_the_cheapest_comes_first_and_counts_all_epochs() -> None:
    jobs = price_job([price(25), price(3)], training_tokens=2_000_000, validation_tokens=500_000, today=SEEN)
    assert [job.dollars for job in jobs] == [6.0, 50.0]


def test_validation_is_paid_where_it_is_billed() -> None:
    (job,) = price_job([price(3, validation="once")], training_tokens=2_000_000, validation_tokens=500_000, today=SEEN)
    assert job.dollars == pytest.approx(7.5)


def test_a_small_job_costs_the_minimum() -> None:
    (job,) = price_job([price(3, minimum_dollars=4)], training_tokens=1000, validation_tokens=0, today=SEEN)
    assert job.dollars == 4


@pytest.mark.parametrize(("days", "is_old"), [(0, False), (180, False), (181, True)])
def test_a_price_is_old_after_half_a_year(days: int, is_old: bool) -> None:
    today = SEEN + timedelta(days=days)
    (job,) = price_job([price(3)], training_tokens=1000, validation_tokens=0, today=today)
    assert job.is_old == job.to_json()["is_old"] == is_old


def test_a_table_of_ones_own_is_read(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(TABLE)
    (mine,) = load_prices(tmp_path / "prices.toml")
    assert (mine.service, mine.dollars_per_million_tokens, mine.seen, mine.validation) == ("Here", 2.0, SEEN, "never")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("price = ", "is not TOML"),
        ("", "price: "),
        ("price = []", "price: "),
        (TABLE.replace("= 2\n", "= -2\n"), r"price\.1\.dollars_per_million_tokens"),
        (TABLE.replace("= 2\n", "= inf\n"), r"price\.1\.dollars_per_million_tokens"),
        (TABLE + TABLE.replace("seen", "sene"), r"price\.2\.seen: field required"),
        (TABLE.replace("https:", "ftp:"), r"price\.1\.url"),
        (TABLE.replace('"small"', '""'), r"price\.1\.model"),
    ],
    ids=["no TOML", "empty", "no prices", "negative", "infinite", "unknown key", "no web page", "no model"],
)
def test_a_wrong_table_is_told_by_its_first_wrong_entry(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(InvalidConfig, match=message) as caught:
        load_prices(tmp_path / "prices.toml")
    assert caught.value.hint


def test_a_table_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="cannot be read: No such file"):
        load_prices(tmp_path / "prices.toml")
    with pytest.raises(FileMissing, match="cannot be read"):
        load_prices(tmp_path)
