"""Signals while a run is at work."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from luthier.training.interrupt import catch_interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_becomes_a_wish_to_stop(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with catch_interrupts() as is_stop_wanted:
        assert not is_stop_wanted()
        os.kill(os.getpid(), number)
        assert is_stop_wanted()
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_ends_at_once() -> None:
    def press_twice() -> None:
        with catch_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        press_twice()


def test_another_thread_is_left_in_peace() -> None:
    answers: list[bool] = []

    def work() -> None:
        with catch_interrupts() as is_stop_wanted:
            answers.append(is_stop_wanted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False]
