"""A thread for coroutines, and its end."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from luthier.engine.remote.loop_thread import LoopThread
from luthier.errors import RequestCancelled


async def say_goodbye() -> None:
    await asyncio.sleep(0)


async def find_thread() -> str:
    return threading.current_thread().name


def test_coroutines_run_in_a_thread_of_their_own() -> None:
    thread = LoopThread("luthier-loop")
    assert thread.call(find_thread()) == "luthier-loop"
    thread.close(say_goodbye)
    assert "luthier-loop" not in [other.name for other in threading.enumerate()]


def test_close_cancels_what_runs_and_refuses_what_comes() -> None:
    thread = LoopThread("luthier-loop")
    began = threading.Event()

    async def wait_for_ever() -> None:
        began.set()
        await asyncio.Event().wait()

    future = thread.start(wait_for_ever())
    assert began.wait(300)
    thread.close(say_goodbye)
    with pytest.raises(CancelledError):
        future.result(300)
    with pytest.raises(RequestCancelled):
        thread.call(find_thread())
    thread.close(say_goodbye)


def test_an_engine_that_was_never_asked_closes_without_a_thread() -> None:
    before = set(threading.enumerate())
    LoopThread("luthier-loop").close(say_goodbye)
    assert set(threading.enumerate()) <= before


def test_errors_come_back_to_the_caller() -> None:
    async def fail() -> None:
        raise ValueError("no")

    thread = LoopThread("luthier-loop")
    with pytest.raises(ValueError, match="no"):
        thread.call(fail())
    thread.close(say_goodbye)
