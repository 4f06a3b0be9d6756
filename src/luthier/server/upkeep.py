"""Beside the requests, a home is swept now and then: what has expired goes, what killed processes have left, and
details of what ended so long ago that the settings keep them no more."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from luthier.errors import LuthierError
from luthier.jobs.retention import forget_old
from luthier.store.user_files.sweeping import sweep_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from luthier.jobs.retention import Forgotten
    from luthier.store.home import Home
    from luthier.store.user_files.sweeping import Swept

logger = logging.getLogger(__name__)

SWEEP_PAUSE_SECONDS = 600.0
FORGET_PAUSE_SECONDS = 24 * 3600.0


@asynccontextmanager
async def keep_swept(home: Home, *, pause_seconds: float | None = None) -> AsyncIterator[None]:
    """Once at the start of the block, and from then on as long as it lasts, at pauses of their own or a given one."""
    duties: dict[Callable[[Home], Swept | Forgotten], float] = {
        sweep_files: SWEEP_PAUSE_SECONDS,
        forget_old: FORGET_PAUSE_SECONDS,
    }
    tasks = [asyncio.create_task(_repeat(do, home, pause_seconds or pause)) for do, pause in duties.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(do: Callable[[Home], Swept | Forgotten], home: Home, pause_seconds: float) -> None:
    while True:
        try:
            done = await run_in_threadpool(do, home)
        except (LuthierError, OSError) as error:
            logger.warning("%s failed, and is tried again: %s", do.__name__, error)
        else:
            if any(done):
                logger.info("%s removed %s", do.__name__, done._asdict())
        await asyncio.sleep(pause_seconds)
