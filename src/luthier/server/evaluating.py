"""Beside the requests, runs of evals are worked on in threads of their own, from the server's start to its end."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from luthier.models.public_names import PublicNames
from luthier.pipeline.evals.worker import Answering, EvalWorker
from luthier.pipeline.grading import build_grading_tools
from luthier.server.openai.evals.asking import build_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from luthier.server.services import Services


@asynccontextmanager
async def keep_evaluating(services: Services) -> AsyncIterator[None]:
    """As long as the block lasts; a run that has not ended then goes on when a server is there again."""
    home, stop = services.home, Event()
    tools = build_grading_tools(home, services.engine, embed=services.embed, sandbox=services.gradings.sandbox)
    answering = Answering(services.engine, tools, partial(build_request, names=PublicNames(home)))
    worker = EvalWorker(home, answering, woken=services.runs_changed)
    thread = Thread(target=worker.run_until, args=(stop,), name="evals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        services.runs_changed.set()
        await run_in_threadpool(thread.join)
