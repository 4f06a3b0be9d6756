"""Events reach a real receiver, which unwraps them with the official SDK."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import openai
import pytest
from sqlalchemy import event

from luthier.errors import DatabaseUnavailable, InvalidConfig
from luthier.jobs.outbox import announce_event
from luthier.jobs.webhook_secret import load_secret
from luthier.jobs.webhooks import LONGEST_DELAY_SECONDS, Courier
from luthier.settings import Settings
from luthier.store.home import Home
from luthier.store.tables import WebhookDeliveryRow
from tests.support.webhook_receiver import receive_webhooks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from luthier.jobs.outbox import WebhookType
    from tests.support.webhook_receiver import Heard, WebhookReceiver


class Clock:
    """The real time, for signatures are only good for some minutes, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with receive_webhooks() as receiver:
        yield receiver


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path, receiver: WebhookReceiver, clock: Clock) -> Iterator[Home]:
    home = Home(Settings(home=tmp_path, webhook_url=receiver.url), clock=clock)
    yield home
    home.database.close()


def announce(home: Home, job: str = "ftjob-1", type: WebhookType = "fine_tuning.job.succeeded") -> None:
    with home.database.session() as session:
        announce_event(session, type=type, subject_id=job, now=home.database.clock())


def unwrap(home: Home, heard: Heard) -> Any:
    with openai.OpenAI(api_key="none", webhook_secret=load_secret(home)) as client:
        return client.webhooks.unwrap(heard.body, heard.headers)


def read_row(home: Home) -> WebhookDeliveryRow:
    with home.database.reading() as session:
        return session.query(WebhookDeliveryRow).one()


@pytest.mark.parametrize("type", ["fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled"])
def test_the_sdk_unwraps_what_the_receiver_hears(home: Home, receiver: WebhookReceiver, type: WebhookType) -> None:
    announce(home, type=type)
    assert Courier(home).deliver_next()
    [heard] = receiver.heard
    told = unwrap(home, heard)
    assert (told.type, told.data.id, told.object, told.id) == (type, "ftjob-1", "event", heard.id)
    assert heard.headers["content-type"] == "application/json"
    assert not Courier(home).deliver_next()


def test_a_receiver_with_another_secret_refuses_it(home: Home, receiver: WebhookReceiver) -> None:
    announce(home)
    Courier(home).deliver_next()
    with (
        openai.OpenAI(api_key="none", webhook_secret="another") as client,
        pytest.raises(openai.InvalidWebhookSignatureError),
    ):
        client.webhooks.unwrap(receiver.heard[0].body, receiver.heard[0].headers)


def test_what_is_not_heard_is_told_again_under_the_same_id_and_signed_anew(
    home: Home, receiver: WebhookReceiver, clock: Clock
) -> None:
    receiver.statuses = [500, 404]
    announce(home)
    courier = Courier(home, random=Random(1))
    for _ in range(3):
        assert courier.deliver_next()
        assert not courier.deliver_next()
        clock.ahead += timedelta(seconds=11)
    assert len({heard.id for heard in receiver.heard}) == 1
    assert len({heard.headers["webhook-timestamp"] for heard in receiver.heard}) == 3
    assert unwrap(home, receiver.heard[-1]).data.id == "ftjob-1"
    row = read_row(home)
    assert (row.tries, row.next_try_at, row.last_error) == (3, None, None)


def test_waits_grow_and_never_beyond_an_hour(home: Home, receiver: WebhookReceiver, clock: Clock) -> None:
    receiver.statuses = [503] * 14
    announce(home)
    courier = Courier(home, random=Random(1))
    waits = []
    for _ in range(14):
        assert courier.deliver_next()
        next_try = read_row(home).next_try_at
        assert next_try is not None
        waits.append((next_try - clock()).total_seconds())
        clock.ahead += next_try - clock() + timedelta(seconds=1)
    assert 2 < waits[0] <= 5
    assert min(waits[-3:]) > 0.5 * LONGEST_DELAY_SECONDS - 1
    assert max(waits) <= LONGEST_DELAY_SECONDS


def test_a_redirect_is_not_followed(home: Home, receiver: WebhookReceiver) -> None:
    receiver.statuses = [307]
    announce(home)
    Courier(home).deliver_next()
    assert [heard.path for heard in receiver.heard] == ["/hooks"]
    assert read_row(home).last_error == "answered with status 307"


def test_a_receiver_that_is_away_is_told_when_it_is_back(tmp_path: Path, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = Home(Settings(home=tmp_path, webhook_url=f"http://127.0.0.1:{port}/hooks"), clock=clock)
    announce(home)
    assert Courier(home).deliver_next()
    row = read_row(home)
    assert row.delivered_at is None
    assert "ConnectError" in str(row.last_error)
    home.database.close()


def test_a_courier_tells_until_it_is_stopped(home: Home, receiver: WebhookReceiver) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=Courier(home).run_until, args=(stop,))
    thread.start()
    announce(home, "ftjob-1")
    announce(home, "ftjob-2")
    deadline = time.monotonic() + 300
    while len(receiver.heard) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    thread.join(300)
    assert not thread.is_alive()
    assert [unwrap(home, heard).data.id for heard in receiver.heard] == ["ftjob-1", "ftjob-2"]


def test_a_courier_outlives_a_database_that_is_away_and_says_so_once(
    home: Home, receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    announce(home)
    stop = threading.Event()
    failures = iter([DatabaseUnavailable("away"), DatabaseUnavailable("away")])

    def fail_twice(*_: Any) -> None:
        for failure in failures:
            raise failure

    event.listen(home.database.engine, "before_cursor_execute", fail_twice)
    thread = threading.Thread(target=Courier(home).run_until, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 300
    while not receiver.heard and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    thread.join(300)
    assert next(failures, None) is None
    assert [unwrap(home, heard).data.id for heard in receiver.heard] == ["ftjob-1"]
    assert [record.getMessage() for record in caplog.records if "wait" in record.getMessage()] == [
        "webhooks wait: away"
    ]


def test_without_an_address_nobody_is_told_and_no_secret_made(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path))
    announce(home)
    Courier(home).run_until(threading.Event())
    assert read_row(home).tries == 0
    assert not (tmp_path / "keys").exists()
    home.database.close()


@pytest.mark.parametrize("url", ["example.com", "ftp://example.com", "http://", "http://[::1", "file:///etc/passwd"])
def test_an_address_that_cannot_be_asked_is_refused_at_the_start(tmp_path: Path, url: str) -> None:
    home = Home(Settings(home=tmp_path, webhook_url=url))
    with pytest.raises(InvalidConfig, match="webhook_url"):
        Courier(home)
    home.database.close()
