"""The table of prices, and what answers cost by it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from luthier.engine.remote.prices import SHIPPED_TABLE, Price, Usage, load_prices, read_prices
from luthier.errors import FileMissing, InvalidConfig

OPENAI = "https://api.openai.com/v1"
ENTRY = """[[price]]
url = "https://api.example.com/v1"
model = "m"
input = 1.0
output = 2.0
seen = 2026-11-23
source = "a contract"
"""


def test_each_shipped_price_has_a_source_that_can_be_followed() -> None:
    prices = read_prices(SHIPPED_TABLE)
    assert all(price.source_url for price in prices)
    assert all(price.cached_input is None or price.cached_input <= price.input <= price.output for price in prices)
    assert len({(price.url, price.model) for price in prices}) == len(prices)


def test_an_answer_is_priced_by_its_parts() -> None:
    price = load_prices().find(OPENAI, "gpt-4o-mini")
    assert price is not None
    assert price.price_answer(Usage(2_000_000, 1_000_000, 500_000)) == pytest.approx(0.15 + 0.075 + 0.30)


def test_without_a_price_of_its_own_what_was_kept_costs_as_much_as_the_rest() -> None:
    price = load_prices().find(OPENAI, "gpt-4o-2024-05-13")
    assert price is not None
    assert price.price_answer(Usage(1_000_000, 1_000_000, 0)) == pytest.approx(5.00)


def test_a_snapshot_costs_what_its_model_costs() -> None:
    prices = load_prices()
    assert prices.find(OPENAI, "gpt-4o-mini-2024-07-18") == prices.find(OPENAI, "gpt-4o-mini")
    assert prices.find(OPENAI, "ft:gpt-4o-mini-2024-07-18:org::id") is None
    assert prices.find("http://localhost:8000/v1", "gpt-4o-mini") is None


def test_a_table_of_ones_own_is_asked_first(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(ENTRY.replace("api.example.com", "api.openai.com").replace('"m"', '"gpt-4o-mini"'))
    price = load_prices(str(own)).find(OPENAI, "gpt-4o-mini")
    assert price is not None
    assert price.source == "a contract"
    assert load_prices(str(own)).find(OPENAI, "gpt-4.1") is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "price"),
        ("[[price]]\n", r"price\.1\.url"),
        (ENTRY.replace("1.0", "-1.0"), r"price\.1\.input"),
        (ENTRY.replace("1.0", "nan"), r"price\.1\.input"),
        (ENTRY + "tax = 1\n", r"price\.1\.tax"),
        (ENTRY.replace("https://", ""), "url"),
        ("price = [", "not TOML"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(InvalidConfig, match=words) as caught:
        load_prices(str(own))
    assert "own.toml" in caught.value.message
    assert caught.value.hint


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        load_prices(str(tmp_path / "none.toml"))


def test_a_price_grows_old() -> None:
    price = Price(url=OPENAI, model="m", input=1.0, output=1.0, seen=date(2026, 1, 1), source="s")
    assert not price.is_old(date(2026, 1, 1) + timedelta(days=180))
    assert price.is_old(date(2026, 1, 1) + timedelta(days=181))
