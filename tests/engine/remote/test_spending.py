"""What hosted answers add up to, and what is said about it."""

from __future__ import annotations

from datetime import date

from luthier.engine.remote.prices import Price, Usage
from luthier.engine.remote.spending import Purse, Spending

PRICE = Price(url="https://host/v1", model="m", input=1.0, output=2.0, seen=date(2026, 1, 1), source="a contract")


def test_answers_add_up() -> None:
    purse = Purse(PRICE)
    purse.add_answer(Usage(10, 4, 2), 0.25, "fp_1")
    purse.add_retry()
    purse.add_answer(Usage(5, 0, 1), 0.5, "")
    assert purse.total == Spending(2, 1, 15, 4, 3, 0.75, PRICE, frozenset({"fp_1"}))


def test_one_answer_of_unknown_cost_makes_the_sum_unknown() -> None:
    purse = Purse(None)
    for dollars in (0.25, None, 0.5):
        purse.add_answer(Usage(1, 0, 1), dollars, "")
    assert purse.total.dollars is None


def test_nothing_is_said_about_what_was_not_asked() -> None:
    assert Spending(price=PRICE).list_notes("m", date(2026, 1, 2)) == []


def test_the_source_of_a_price_is_named_with_its_age() -> None:
    spending = Spending(requests=1, price=PRICE)
    assert spending.list_notes("m", date(2026, 1, 2)) == ["m is priced by a contract, read on 2026-01-01"]
    assert "long ago" in spending.list_notes("m", date(2027, 1, 1))[0]


def test_a_price_that_nobody_knows_tries_that_failed_and_a_server_that_changed_are_told() -> None:
    notes = Spending(requests=1, retries=2, backends=frozenset({"a", "b"})).list_notes("m", date(2026, 1, 2))
    assert [part in note for part, note in zip(("not known", "2 tries", "2 system"), notes, strict=True)] == [True] * 3
