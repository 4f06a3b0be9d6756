"""Requests for any model go in, and each reaches the engine that its model's name belongs to."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.answer import Answer
from luthier.errors import LuthierError, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.engine.protocol import Engine, ModelIdentity, Request


class Route(NamedTuple):
    """`start` is called once, when the first model is asked for whose name it `takes`."""

    takes: Callable[[str], bool]
    start: Callable[[], Engine]


class RoutingEngine:
    """The first route that takes a name decides; the last should take every name."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)
        self._engines: dict[int, Engine] = {}
        self._lock = Lock()
        self._is_closed = False

    @property
    def name(self) -> str:
        """Those of the engines that run, in the order of the routes."""
        with self._lock:
            return " and ".join(self._engines[place].name for place in sorted(self._engines))

    def find(self, model: str) -> Engine:
        """The engine that answers for a model. Raises what kept it from starting, or RequestCancelled after `close`."""
        place = next(place for place, route in enumerate(self._routes) if route.takes(model))
        with self._lock:
            if self._is_closed:
                raise RequestCancelled("the engine was closed")
            if place not in self._engines:
                self._engines[place] = self._routes[place].start()
            return self._engines[place]

    def identify(self, model: str) -> ModelIdentity:
        return self.find(model).identify(model)

    def submit(self, request: Request) -> Answer:
        try:
            return self.find(request.model).submit(request)
        except LuthierError as error:
            answer = Answer()
            answer.fail(error)
            return answer

    def close(self) -> None:
        """All of them, even when closing one fails."""
        with self._lock, ExitStack() as stack:
            self._is_closed = True
            for engine in self._engines.values():
                stack.callback(engine.close)
            self._engines = {}
