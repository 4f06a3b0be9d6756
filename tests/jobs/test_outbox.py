"""Events that wait to be told, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from luthier.jobs.outbox import LIFETIME, REMEMBERED, announce_event, claim_delivery, note_delivered, put_off
from luthier.store.database import open_database
from luthier.store.tables import WebhookDeliveryRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.settings import Settings
    from luthier.store.database import Database


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def db(settings: Settings, clock: Clock) -> Iterator[Database]:
    database = open_database(settings, clock=clock)
    yield database
    database.close()


def announce(db: Database, job: str = "ftjob-1") -> None:
    with db.session() as session:
        announce_event(session, type="fine_tuning.job.succeeded", subject_id=job, now=db.clock())


def claim(db: Database) -> tuple[str, int] | None:
    delivery = claim_delivery(db, hold_seconds=60)
    return (delivery.event["data"]["id"], delivery.tries) if delivery else None


def read_row(db: Database) -> WebhookDeliveryRow:
    with db.reading() as session:
        return session.query(WebhookDeliveryRow).one()


def test_an_event_has_openais_form(db: Database) -> None:
    announce(db)
    delivery = claim_delivery(db, hold_seconds=60)
    assert delivery is not None
    assert delivery.event == {
        "id": delivery.id,
        "object": "event",
        "created_at": 1772366400,
        "type": "fine_tuning.job.succeeded",
        "data": {"id": "ftjob-1"},
    }
    assert delivery.id.startswith("evt_")


def test_what_is_rolled_back_is_not_announced(db: Database) -> None:
    def announce_and_fail() -> None:
        with db.session() as session:
            announce_event(session, type="fine_tuning.job.failed", subject_id="ftjob-1", now=db.clock())
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        announce_and_fail()
    assert claim(db) is None


def test_what_somebody_has_claimed_is_nobody_elses_until_his_time_is_over(db: Database, clock: Clock) -> None:
    announce(db)
    assert claim(db) == ("ftjob-1", 1)
    clock.forward(seconds=59)
    assert claim(db) is None
    clock.forward(seconds=1)
    assert claim(db) == ("ftjob-1", 2)


def test_the_one_that_has_waited_longest_comes_first(db: Database, clock: Clock) -> None:
    announce(db, "ftjob-1")
    clock.forward(seconds=1)
    announce(db, "ftjob-2")
    assert [claim(db), claim(db), claim(db)] == [("ftjob-1", 1), ("ftjob-2", 1), None]


def test_many_who_claim_at_once_share_the_events(db: Database) -> None:
    for number in range(12):
        announce(db, f"ftjob-{number}")
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda _: claim(db), range(12)))
    found = [each for each in claimed if each is not None]
    assert len(set(found)) == len(found)
    while (each := claim(db)) is not None:  # those whose row somebody else held at that moment
        found.append(each)
    assert sorted(found) == sorted((f"ftjob-{number}", 1) for number in range(12))


def test_a_delivered_event_never_comes_again(db: Database, clock: Clock) -> None:
    announce(db)
    delivery = claim_delivery(db, hold_seconds=60)
    assert delivery is not None
    note_delivered(db, delivery.id)
    clock.forward(days=1)
    assert claim(db) is None
    assert read_row(db).delivered_at == clock.now - timedelta(days=1)


def test_one_that_was_put_off_comes_again_in_its_time_and_says_why(db: Database, clock: Clock) -> None:
    announce(db)
    delivery = claim_delivery(db, hold_seconds=60)
    assert delivery is not None
    put_off(db, delivery.id, error="answered with status 500", seconds=300)
    clock.forward(seconds=299)
    assert claim(db) is None
    assert read_row(db).last_error == "answered with status 500"
    clock.forward(seconds=1)
    assert claim(db) == ("ftjob-1", 2)


def test_a_late_failure_does_not_bring_back_what_another_has_delivered(db: Database, clock: Clock) -> None:
    announce(db)
    slow = claim_delivery(db, hold_seconds=60)
    clock.forward(minutes=2)
    quick = claim_delivery(db, hold_seconds=60)
    assert slow is not None
    assert quick is not None
    note_delivered(db, quick.id)
    put_off(db, slow.id, error="timed out", seconds=1)
    clock.forward(minutes=2)
    assert claim(db) is None


def test_an_event_that_is_too_old_is_given_up(db: Database, clock: Clock) -> None:
    announce(db, "ftjob-old")
    clock.forward(seconds=LIFETIME.total_seconds() + 1)
    announce(db, "ftjob-new")
    assert claim(db) == ("ftjob-new", 1)
    assert claim(db) is None


def test_what_is_long_past_is_forgotten_when_something_new_is_announced(db: Database, clock: Clock) -> None:
    announced = []
    for wait in (timedelta(0), REMEMBERED, timedelta(seconds=1)):
        clock.now += wait
        with db.session() as session:
            announce_event(session, type="fine_tuning.job.succeeded", subject_id="ftjob-1", now=clock.now)
        with db.reading() as session:
            announced.append(session.query(WebhookDeliveryRow).count())
    assert announced == [1, 2, 2]
