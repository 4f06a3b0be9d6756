from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from luthier.errors import LeaseLost
from luthier.jobs.evals.desk import RunDraft, cancel_run, create_run
from luthier.jobs.evals.hold import SourceRow
from luthier.jobs.outbox import claim_delivery
from luthier.store.eval_runs import CriterionCount, ItemQuery, ModelUsage, RunError, delete_run, get_run, list_items
from luthier.store.tables import EvalOutputItemRow
from tests.support.evals import add_eval, claim, find

if TYPE_CHECKING:
    from luthier.jobs.evals.hold import RunHold
    from luthier.store.database import Database
    from luthier.store.eval_runs import EvalRun

ROWS = [SourceRow({"answer": letter}, {"output_text": letter}) for letter in "abc"]


class Held:
    """A run of three items that is held."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.eval = add_eval(db)
        self.id = create_run(db, RunDraft(self.eval.id, {"type": "jsonl"})).id
        self.hold: RunHold = claim(db).hold
        self.hold.prepare(ROWS)

    @property
    def items(self) -> list[str]:
        return [item.id for item in self.hold.list_pending(after=-1, limit=9)]

    def look(self) -> EvalRun:
        return get_run(self._db, self.eval.id, self.id)


@pytest.fixture
def held(db: Database) -> Held:
    return Held(db)


def count_rows(db: Database) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(EvalOutputItemRow)) or 0


def test_items_wait_in_their_order_and_are_made_once(held: Held) -> None:
    held.hold.prepare([SourceRow({"other": 1})])
    pending = held.hold.list_pending(after=-1, limit=9)
    assert [(item.number, item.item, item.sample) for item in pending] == [
        (number, row.item, row.sample) for number, row in enumerate(ROWS)
    ]
    assert [item.number for item in held.hold.list_pending(after=0, limit=1)] == [1]
    assert (held.look().is_prepared, held.look().total) == (True, 3)


def test_every_finding_is_counted_once(held: Held) -> None:
    first, second, third = held.items
    held.hold.keep(first, find("pass"))
    held.hold.keep(first, find("fail"))
    held.hold.keep(second, find("fail", model="n"))
    held.hold.keep(third, find("error", passed=()))
    tally = held.look().tally
    assert (tally.passed, tally.failed, tally.errored) == (1, 1, 1)
    assert tally.criteria == (CriterionCount(1, 1),)
    assert tally.usage == {"m": ModelUsage(2, 20, 4, 8), "n": ModelUsage(1, 10, 2, 4)}
    assert held.items == []


def test_what_is_done_is_shown_in_the_order_in_which_it_was(held: Held, db: Database) -> None:
    first, second, _ = held.items
    held.hold.keep(second, find("fail"))
    held.hold.keep(first, find("pass"))
    page = list_items(db, held.eval.id, held.id, ItemQuery(limit=1))
    assert ([item.id for item in page.items], page.has_more) == ([second], True)
    assert [item.id for item in list_items(db, held.eval.id, held.id, ItemQuery(after=second)).items] == [first]
    assert [item.id for item in list_items(db, held.eval.id, held.id, ItemQuery(status="pass")).items] == [first]


def test_a_run_that_ends_forgets_what_nobody_will_ask_any_more(held: Held, db: Database) -> None:
    held.hold.keep(held.items[0], find("pass"))
    held.hold.fail(RunError("invalid_request", "no"))
    run = held.look()
    assert (run.status, run.error) == ("failed", RunError("invalid_request", "no"))
    assert run.finished_at is not None
    assert count_rows(db) == 1


@pytest.mark.parametrize("ending", ["completed", "failed", "canceled"])
def test_how_it_ended_is_told_to_the_webhook_with_it(held: Held, db: Database, ending: str) -> None:
    endings = {
        "completed": held.hold.complete,
        "failed": lambda: held.hold.fail(RunError("a", "b")),
        "canceled": lambda: cancel_run(db, held.eval.id, held.id),
    }
    endings[ending]()
    delivery = claim_delivery(db, hold_seconds=60)
    assert delivery is not None
    told = {"completed": "eval.run.succeeded"}.get(ending, f"eval.run.{ending}")
    assert (delivery.event["type"], delivery.event["data"]) == (told, {"id": held.id})
    assert held.look().status == ending


def test_nobody_else_can_say_anything_of_it(held: Held, db: Database) -> None:
    first = held.items[0]
    held.hold.give_back()
    later = claim(db).hold
    for act in (
        held.hold.beat,
        lambda: held.hold.prepare(ROWS),
        lambda: held.hold.keep(first, find("pass")),
        held.hold.complete,
        held.hold.give_back,
        lambda: held.hold.fail(RunError("a", "b")),
    ):
        with pytest.raises(LeaseLost):
            act()
    assert not held.hold.is_mine()
    assert later.is_mine()
    later.keep(first, find("pass"))
    assert held.look().tally.passed == 1


@pytest.mark.parametrize("how", ["canceled", "deleted"])
def test_a_run_that_is_gone_takes_nothing_more(held: Held, db: Database, how: str) -> None:
    first = held.items[0]
    if how == "canceled":
        cancel_run(db, held.eval.id, held.id)
    else:
        delete_run(db, held.eval.id, held.id)
    assert not held.hold.is_mine()
    with pytest.raises(LeaseLost):
        held.hold.keep(first, find("pass"))
    assert count_rows(db) == 0
