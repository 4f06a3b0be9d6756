"""Jobs are done in order, each once, and whoever waits for one hears of it, whatever becomes of it."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from luthier.engine.batching.worker import Worker
from luthier.errors import LuthierError, MachineError, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG_SECONDS = 300.0
"""Nothing takes so long but what is stuck."""


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("test")
    yield worker
    worker.close()


def wait_until_done(worker: Worker) -> None:
    """All that was put before."""
    event = threading.Event()
    worker.put(event.set, give_up=refuse)
    assert event.wait(LONG_SECONDS)


def refuse(error: LuthierError) -> None:
    raise AssertionError(f"given up: {error}")


def test_jobs_are_done_in_order_in_one_thread(worker: Worker) -> None:
    done: list[tuple[int, str]] = []
    for number in range(100):
        worker.put(lambda number=number: done.append((number, threading.current_thread().name)), give_up=refuse)
    wait_until_done(worker)
    assert done == [(number, "test") for number in range(100)]


def test_jobs_that_put_themselves_again_take_turns(worker: Worker) -> None:
    done: list[str] = []
    both_are_in = threading.Event()

    def step(name: str) -> None:
        both_are_in.wait(LONG_SECONDS)
        done.append(name)
        if done.count(name) < 5:
            worker.put(partial(step, name), give_up=refuse)

    for name in "ab":
        worker.put(partial(step, name), give_up=refuse)
    both_are_in.set()
    while len(done) < 10:
        wait_until_done(worker)
    assert done == ["a", "b"] * 5


def test_a_job_that_fails_is_given_up_and_seen_and_the_next_is_done(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: SimpleQueue[threading.ExceptHookArgs] = SimpleQueue()
    given_up: list[LuthierError] = []
    monkeypatch.setattr(threading, "excepthook", seen.put)

    def fail() -> None:
        raise ZeroDivisionError("nobody thought of this")

    worker.put(fail, give_up=given_up.append)
    wait_until_done(worker)
    assert isinstance(given_up[0], MachineError)
    assert "nobody thought of this" in given_up[0].message
    assert seen.get(timeout=LONG_SECONDS).exc_type is ZeroDivisionError


def test_a_job_is_given_up_before_the_next_one_begins(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    events: list[str] = []
    next_is_in = threading.Event()

    def fail() -> None:
        next_is_in.wait(LONG_SECONDS)
        raise ZeroDivisionError

    def give_up(error: LuthierError) -> None:
        time.sleep(0.05)  # long enough for another thread to come first, if there were one
        events.append("given up")

    worker.put(fail, give_up=give_up)
    worker.put(partial(events.append, "next"), give_up=refuse)
    next_is_in.set()
    wait_until_done(worker)
    assert events == ["given up", "next"]


def test_a_job_with_a_delay_comes_after_those_that_come_meanwhile(worker: Worker) -> None:
    done: list[str] = []
    event = threading.Event()

    def end() -> None:
        done.append("late")
        event.set()

    both_are_in = threading.Event()
    worker.put(partial(both_are_in.wait, LONG_SECONDS), give_up=refuse)
    worker.put(end, give_up=refuse, delay_seconds=0.05)
    worker.put(partial(done.append, "early"), give_up=refuse)
    both_are_in.set()
    assert event.wait(LONG_SECONDS)
    assert done == ["early", "late"]


def test_a_closed_worker_gives_up_what_is_not_begun_and_waits_for_what_is() -> None:
    worker = Worker("test")
    has_begun, may_end = threading.Event(), threading.Event()
    done: list[str] = []
    given_up: list[LuthierError] = []

    def begin() -> None:
        has_begun.set()
        may_end.wait(LONG_SECONDS)
        done.append("begun")

    worker.put(begin, give_up=given_up.append)
    assert has_begun.wait(LONG_SECONDS)
    worker.put(partial(done.append, "never"), give_up=given_up.append)
    worker.put(partial(done.append, "never"), give_up=given_up.append, delay_seconds=0.01)
    closing = threading.Thread(target=worker.close)
    closing.start()
    while not worker._is_closed:
        time.sleep(0.001)
    may_end.set()
    closing.join(LONG_SECONDS)
    worker.put(partial(done.append, "never"), give_up=given_up.append)
    assert done == ["begun"]
    assert [type(error) for error in given_up] == [RequestCancelled] * 3


def test_several_threads_do_several_jobs_at_once() -> None:
    worker = Worker("test", threads=2)
    meeting = threading.Barrier(2, timeout=LONG_SECONDS)
    ended = [threading.Event() for _ in range(2)]

    def meet(end: Callable[[], None]) -> None:
        meeting.wait()
        end()

    for event in ended:
        worker.put(partial(meet, event.set), give_up=refuse)
    assert all(event.wait(LONG_SECONDS) for event in ended)
    worker.close()


def test_a_worker_can_be_closed_by_its_own_job(worker: Worker) -> None:
    event = threading.Event()

    def close() -> None:
        worker.close()
        event.set()

    worker.put(close, give_up=refuse)
    assert event.wait(LONG_SECONDS)


def test_an_idle_worker_holds_nothing_of_what_it_has_done(worker: Worker) -> None:
    class Work:
        def do(self) -> None:
            pass

    work = Work()
    end = weakref.ref(work)
    worker.put(work.do, give_up=refuse)
    wait_until_done(worker)
    del work
    gc.collect()
    assert end() is None


def test_a_job_that_never_ends_shows_and_one_that_waits_its_turn_does_not(worker: Worker) -> None:
    assert worker.busy_seconds == 0.0
    begun, may_end = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        may_end.wait(LONG_SECONDS)

    worker.put(hang, give_up=refuse)
    worker.put(lambda: None, give_up=refuse)
    assert begun.wait(LONG_SECONDS)
    first = worker.busy_seconds
    while worker.busy_seconds <= first:
        time.sleep(0.001)
    may_end.set()
    wait_until_done(worker)
    while worker.busy_seconds:  # the last job is over, and its thread just about to say so
        time.sleep(0.001)
