"""Beside the requests, a home is swept now and then: what has expired goes, and what killed processes have left."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from luthier.errors import LuthierError
from luthier.store.user_files.sweeping import sweep_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from luthier.store.home import Home

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 600.0


@asynccontextmanager
async def keep_swept(home: Home, *, pause_seconds: float = PAUSE_SECONDS) -> AsyncIterator[None]:
    """Once at the start of the block, and from then on as long as it lasts."""
    sweeping = asyncio.create_task(_sweep_forever(home, pause_seconds))
    try:
        yield
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping


async def _sweep_forever(home: Home, pause_seconds: float) -> None:
    while True:
        try:
            swept = await run_in_threadpool(sweep_files, home)
        except (LuthierError, OSError) as error:
            logger.warning("stored files were not swept: %s", error)
        else:
            if any(swept):
                logger.info("stored files were swept: %s", swept._asdict())
        await asyncio.sleep(pause_seconds)
