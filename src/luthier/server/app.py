"""Services become the whole HTTP application: every router, and around them what every request goes through."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

import luthier
from luthier.server import health
from luthier.server.api import kept, keys
from luthier.server.auth import KeyGate
from luthier.server.error_schema import ERROR_ANSWERS
from luthier.server.evaluating import keep_evaluating
from luthier.server.hosts import HostGate
from luthier.server.limits import MEBIBYTE, BodyLimit
from luthier.server.openai import embeddings, files, fine_tuning, graders, models, permissions, uploads
from luthier.server.openai.chat import completions, stored
from luthier.server.openai.evals import evals, output_items, runs
from luthier.server.paths import PathGate
from luthier.server.problems import install_handlers
from luthier.server.upkeep import keep_swept
from luthier.server.watching import RequestWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import APIRouter
    from fastapi.routing import APIRoute

    from luthier.server.services import Services

ROUTERS: tuple[APIRouter, ...] = (
    completions.router,
    fine_tuning.router,
    models.router,
    embeddings.router,
    files.router,
    runs.router,
    evals.router,
    output_items.router,
    uploads.router,
    stored.router,
    permissions.router,
    graders.router,
    health.router,
    keys.router,
    kept.router,
)
"""A path is looked for in this order: what is asked most stands first."""


def create_app(services: Services) -> FastAPI:
    app = FastAPI(
        title="Luthier",
        version=luthier.__version__,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        lifespan=_live,
        responses=ERROR_ANSWERS,
        generate_unique_id_function=_name_operation,
    )
    app.state.services = services
    for router in ROUTERS:
        app.include_router(router)
    install_handlers(app)
    settings = services.home.settings
    # The last one added is the outermost.
    app.add_middleware(PathGate)
    app.add_middleware(BodyLimit, limit_bytes=settings.body_mebibytes * MEBIBYTE)
    app.add_middleware(KeyGate, services=services)
    app.add_middleware(HostGate, names=services.own_hosts | set(settings.allowed_hosts))
    app.add_middleware(RequestWatch, metrics=services.metrics)
    return app


def _name_operation(route: APIRoute) -> str:
    """OpenAI's operations are called as the functions are, and Luthier's own stand apart from them."""
    return f"luthier_{route.name}" if route.path.startswith("/api/") else route.name


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[None]:
    """What goes on beside the requests, from the start of the server to its end."""
    services: Services = app.state.services
    async with keep_swept(services.home), keep_evaluating(services):
        yield
