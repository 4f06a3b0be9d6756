"""Answers that come from engine threads are read in an event loop, several at once, without holding it up."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luthier.engine.answer import Answer
    from luthier.engine.protocol import Piece, Response
    from luthier.errors import LuthierError


class News(NamedTuple):
    """What has come of the answer at `place` since it was read last; with an outcome it has ended."""

    place: int
    pieces: list[Piece]
    outcome: Response | LuthierError | None


class Following:
    """To be made and used in one event loop. A reader who is late gets all that has come meanwhile at once."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = dict(enumerate(answers))
        self._positions = dict.fromkeys(self._answers, 0)
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._is_told = False
        """The loop knows already that there is news, and has not looked yet."""
        for answer in self._answers.values():
            answer.listen(self._tell)

    @property
    def is_done(self) -> bool:
        """The outcome of every answer was read."""
        return not self._answers

    async def read(self, timeout_seconds: float | None = None) -> list[News]:
        """In the order of the answers, as soon as there is any; nothing when there is none in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._changed.wait()
        self._changed.clear()
        self._is_told = False
        return [news for place in list(self._answers) if (news := self._look(place)) is not None]

    def cancel(self) -> None:
        """Nobody waits for any of them any more."""
        for answer in self._answers.values():
            answer.cancel()

    def _look(self, place: int) -> News | None:
        answer = self._answers[place]
        is_done = answer.is_done  # before the pieces: what is there when it has ended is all
        pieces = answer.read_new(self._positions[place])
        self._positions[place] += len(pieces)
        if is_done:
            del self._answers[place]
            return News(place, pieces, answer.wait_for_outcome(0))
        return News(place, pieces, None) if pieces else None

    def _tell(self) -> None:
        """In an engine's thread. Waking the loop costs a system call: once will do for all that comes meanwhile."""
        if self._is_told:
            return
        self._is_told = True
        with suppress(RuntimeError):  # all that a loop says when it was closed meanwhile
            self._loop.call_soon_threadsafe(self._changed.set)
