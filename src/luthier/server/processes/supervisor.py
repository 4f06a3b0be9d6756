"""Parts become running processes, and stay so until a stop is asked for: who dies is started again.

It loads nothing that could fail or grow, for nobody starts it again.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from luthier.errors import ProcessLost
from luthier.server.processes.part import Part, Ward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

LOOKS_PER_SILENCE = 6

logger = logging.getLogger(__name__)


class Supervisor:
    """For the main thread, where signals arrive."""

    def __init__(self, parts: Sequence[Part], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._wards = [Ward(part) for part in parts]
        self._clock = clock
        self._stops_wanted = 0
        self._was_ready = False
        self._looked = clock()
        self._silent_seconds = min(part.silent_seconds for part in parts)

    def run(self, *, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> None:
        """Until SIGTERM or Ctrl-C; a second one ends everything at once.

        `on_ready` is called once, when all parts are ready for the first time, and `on_stop` before they are asked to
        end. Raises ProcessLost when a part ends before that: what is wrong with it is then not of a moment.
        """
        with self._catch_signals() as woken:
            try:
                while not self._stops_wanted:
                    self._start_due()
                    self._wait(woken, at_most_seconds=self._silent_seconds / LOOKS_PER_SILENCE)
                    self._end_silent()
                    self._bury()
                    if not self._was_ready and all(ward.is_ready for ward in self._wards):
                        self._was_ready = True
                        on_ready()
                on_stop()
                self._stop(woken)
            finally:
                self._end_all()

    def _start_due(self) -> None:
        now = self._clock()
        for ward in self._wards:
            if ward.due is None or ward.due > now:
                continue
            try:
                ward.start(now)
            except OSError as error:  # the machine has no room for another process just now
                logger.warning("%s cannot be started yet: %s", ward.part.name, error)
            else:
                logger.info("%s started", ward.part.name, extra={"pid": ward.pid})

    def _end_silent(self) -> None:
        """What was asked of one that hangs fails then, and the next one answers."""
        now = self._clock()
        has_slept = (
            now - self._looked > self._silent_seconds / 2
        )  # and the others perhaps as well, with the whole machine
        self._looked = now
        for ward in self._wards:
            if has_slept:
                ward.forgive(now)
            elif ward.is_silent(now):
                logger.error("%s hangs: no word for %g seconds; it is ended", ward.part.name, ward.part.silent_seconds)
                ward.kill()

    def _bury(self) -> None:
        for ward in self._wards:
            death = ward.note_death(self._clock())
            if death is None:
                continue
            name = ward.part.name
            if not self._was_ready and not self._stops_wanted:
                raise ProcessLost(
                    f"the server's {name} process {death.how} before it was ready", hint="the log above says why"
                )
            logger.warning("%s %s; it starts again in %g seconds", name, death.how, death.pause_seconds)

    def _wait(self, woken: int, *, at_most_seconds: float | None = None) -> None:
        """Until a signal, a word from a part, or the next start."""
        now = self._clock()
        pauses = [max(ward.due - now, 0.0) for ward in self._wards if ward.due is not None]
        pauses += [] if at_most_seconds is None else [max(at_most_seconds, 0.0)]
        with selectors.DefaultSelector() as selector:
            selector.register(woken, selectors.EVENT_READ)
            for ward in self._wards:
                if ward.ready_fd >= 0:
                    selector.register(ward.ready_fd, selectors.EVENT_READ, ward)
            for key, _ in selector.select(min(pauses, default=None)):
                if key.data is None:
                    os.read(woken, 1024)
                else:
                    key.data.read_words(self._clock())

    def _stop(self, woken: int) -> None:
        """One stage after the other: those who are asked end before those whom they ask."""
        for ward in self._wards:
            ward.due = None
        for stage in sorted({ward.part.stage for ward in self._wards}):
            wards = [ward for ward in self._wards if ward.part.stage == stage]
            for ward in wards:
                ward.send(signal.SIGTERM)
            self._await_end(wards, woken)

    def _await_end(self, wards: Sequence[Ward], woken: int) -> None:
        """Kills who takes longer than its patience, or than the person's who asks again."""
        asked = self._clock()
        while running := [ward for ward in wards if ward.is_running]:
            for ward in running:
                if self._stops_wanted > 1 or self._clock() - asked >= ward.part.patience_seconds:
                    logger.warning("%s is ended by force", ward.part.name)
                    ward.kill()
            self._wait_for_death(running, woken, until=asked + min(ward.part.patience_seconds for ward in running))

    def _wait_for_death(self, wards: Sequence[Ward], woken: int, *, until: float) -> None:
        self._wait(woken, at_most_seconds=max(until - self._clock(), 0.05))
        for ward in wards:
            death = ward.note_death(self._clock())
            ward.due = None
            if death is not None:
                logger.info("%s %s", ward.part.name, death.how)

    def _end_all(self) -> None:
        """Whatever happened, nothing is left running."""
        for ward in self._wards:
            ward.kill()
            ward.close_ready_fd()
        for ward in self._wards:
            while ward.is_running:
                ward.note_death(self._clock())
                time.sleep(0.01)

    @contextmanager
    def _catch_signals(self) -> Iterator[int]:
        """Yields what can be read when a signal has come, that of a child's end among them."""
        woken, wakes = os.pipe()
        for end in (woken, wakes):
            os.set_blocking(end, False)

        def note_stop(number: int, frame: object) -> None:
            self._stops_wanted += 1

        before = {number: signal.signal(number, note_stop) for number in STOP_SIGNALS}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        former = signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(former)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(woken)
            os.close(wakes)
