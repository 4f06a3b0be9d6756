"""One answer while it comes: an engine's thread adds to it, and whoever asked reads it, waits for it or gives it up."""

from __future__ import annotations

import threading
from threading import Condition
from typing import TYPE_CHECKING

from luthier.errors import LuthierError, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from luthier.engine.protocol import Piece, Response


class Answer:
    """Engines call `add`, then `finish` or `fail`, once; what comes after that is ignored, such as a late piece after
    `cancel`. Everything else is for those who asked, from any thread."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._pieces: list[Piece] = []
        self._outcome: Response | LuthierError | None = None
        self._listeners: list[Callable[[], None]] = []

    def __iter__(self) -> Iterator[Piece]:
        """From the first piece on, each as soon as it is there. Raises what ended the answer."""
        position = 0
        while fresh := self._wait_for_pieces(position):
            position += len(fresh)
            yield from fresh
        self.wait()

    @property
    def is_done(self) -> bool:
        return self._outcome is not None

    @property
    def is_cancelled(self) -> bool:
        return isinstance(self._outcome, RequestCancelled)

    def wait(self, timeout_seconds: float | None = None) -> Response:
        """The whole answer. Raises what ended it, or TimeoutError when it is not there in time."""
        outcome = self.wait_for_outcome(timeout_seconds)
        if isinstance(outcome, LuthierError):
            raise outcome
        return outcome

    def wait_for_outcome(self, timeout_seconds: float | None = None) -> Response | LuthierError:
        """Raises TimeoutError when there is none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_done, timeout_seconds)
        if self._outcome is None:
            raise TimeoutError(f"no answer within {timeout_seconds} seconds")
        return self._outcome

    def cancel(self) -> None:
        """Nobody waits for it any more: the engine leaves it at its next step. An answer that is done stays."""
        self.fail(RequestCancelled("the request was cancelled"))

    def listen(self, listener: Callable[[], None]) -> None:
        """`listener` is called, in the thread that changes the answer, at each change and at once if there was one.

        What a listener raises goes to `threading.excepthook`: an answer is no affair of the others in its batch.
        """
        with self._changed:
            self._listeners.append(listener)
            has_changed = bool(self._pieces) or self.is_done
        if has_changed:
            with _Reported():
                listener()

    def read_new(self, position: int) -> list[Piece]:
        """The pieces from `position` on that are there by now; never waits.

        Whoever reads so asks `is_done` first: what is there then, is all.
        """
        with self._changed:
            return self._pieces[position:]

    def add(self, piece: Piece) -> None:
        with self._changed:
            if self.is_done:
                return
            self._pieces.append(piece)
        self._tell()

    def finish(self, response: Response) -> None:
        self._end(response)

    def fail(self, error: LuthierError) -> None:
        self._end(error)

    def _wait_for_pieces(self, position: int) -> list[Piece]:
        """Those from `position` on; none when the answer has ended."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._pieces) > position or self.is_done)
            return self._pieces[position:]

    def _end(self, outcome: Response | LuthierError) -> None:
        with self._changed:
            if self.is_done:
                return
            self._outcome = outcome
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            with _Reported():
                listener()


class _Reported:
    """An error inside the block ends the block alone, and is told as an error that ends a thread is."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False
        threading.excepthook(threading.ExceptHookArgs((kind, error, traceback, threading.current_thread())))
        return True
