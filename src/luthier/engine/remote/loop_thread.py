"""A thread of its own in which coroutines run, for callers who have none; it starts with the first of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from luthier.errors import RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from concurrent.futures import Future

Result = TypeVar("Result")


class LoopThread:
    """The thread is a daemon, so a process that ends without `close` does not wait for it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._is_closed = False

    def start(self, coroutine: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Raises RequestCancelled after `close`."""
        with self._lock:
            if self._is_closed:
                coroutine.close()
                raise RequestCancelled("the engine is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = Thread(target=self._run, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Waits for what the coroutine returns or raises; an interrupted wait cancels it."""
        future = self.start(coroutine)
        try:
            return future.result()
        except CancelledError as error:
            raise RequestCancelled("the engine was closed") from error
        finally:
            future.cancel()

    def close(self, farewell: Callable[[], Awaitable[None]]) -> None:
        """Cancels what runs, awaits `farewell` in the loop, and ends the thread. A second time does nothing."""
        with self._lock:
            self._is_closed = True
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_finish(farewell), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


async def _finish(farewell: Callable[[], Awaitable[None]]) -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await farewell()
