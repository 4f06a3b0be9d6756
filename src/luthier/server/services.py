"""What every route works with, made once at the start and handed to the application: nothing else is shared."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

from fastapi import Request

from luthier.server.gradings import Gradings
from luthier.server.in_flight import InFlight
from luthier.server.metrics import Metrics
from luthier.server.own_threads import OwnThreads
from luthier.server.recent_names import RecentNames

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.engine.protocol import Embed, Engine
    from luthier.store.home import Home


EMBEDDING_THREADS = 4
"""They only wait for the engine, which embeds one request after the other, and write what it says as JSON."""

MOST_EMBEDDINGS_AT_ONCE = 256


class Check(NamedTuple):
    """Something without which the server can do no work: `find_problem` says in a sentence why not, or None.

    It is called in a thread of its own, and must come back within a second or so.
    """

    name: str
    find_problem: Callable[[], str | None]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Services:
    """`clock` answers with aware times. `checks` stand beside that of the database, which is always made.

    `own_hosts` are names and addresses by which the server may be called besides its loopback names, the address that
    a connection came to, and the setting `allowed_hosts`.
    """

    home: Home
    engine: Engine
    embed: Embed
    metrics: Metrics = field(default_factory=Metrics)
    clock: Callable[[], datetime] = utc_now
    checks: tuple[Check, ...] = ()
    own_hosts: frozenset[str] = frozenset()
    chats: InFlight = field(default_factory=InFlight)
    names: RecentNames = field(default_factory=RecentNames)
    runs_changed: Event = field(default_factory=Event)
    """Somebody has made, canceled or deleted a run of an eval, so that whoever works on them looks at once."""
    gradings: Gradings = field(default_factory=Gradings)
    embeddings: OwnThreads = field(
        default_factory=lambda: OwnThreads(EMBEDDING_THREADS, most_at_once=MOST_EMBEDDINGS_AT_ONCE)
    )


async def get_services(request: Request) -> Services:
    """For routes, as `Depends(get_services)`; a coroutine because FastAPI gives each plain function a thread."""
    services: Services = request.app.state.services
    return services
