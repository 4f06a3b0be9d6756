"""Questions to judges go in, what became of each comes out: all asked at once, none that was judged before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.asking import await_each
from luthier.engine.routing import RoutingEngine
from luthier.errors import LuthierError, MachineError
from luthier.evaluation.cache import cache_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import Engine, Request, Response
    from luthier.evaluation.cache import OutputCache


class Courtroom(NamedTuple):
    """`cache` keeps judgements by their content: what was judged, by which weights, in which words. A judgement is kept
    whatever its temperature, for it is a finding, and not a text that should come out the same again."""

    engine: Engine
    cache: OutputCache | None = None
    on_judged: Callable[[int], None] = lambda count: None


def ask_judge(
    requests: Sequence[Request], room: Courtroom, *, is_readable: Callable[[Response], bool]
) -> list[Response | LuthierError]:
    """In their order. A judgement that cannot be read is not kept, so that it can be asked for again.

    Raises MachineError when the judge is away; what was judged until then is kept.
    """
    keys = list_keys(requests, room)
    times = Counter(keys)
    outcomes: dict[str, Response | LuthierError] = {}
    if room.cache is not None:
        outcomes = {key: kept for key in times if (kept := room.cache.find(key)) is not None}
        room.on_judged(sum(times[key] for key in outcomes))
    missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in outcomes}
    asked = [room.engine.submit(request) for request in missing.values()]
    places = list(missing)
    with closing(await_each(asked)) as ended:
        for place, outcome in ended:
            if isinstance(outcome, MachineError):
                raise outcome
            outcomes[places[place]] = outcome
            if room.cache is not None and not isinstance(outcome, LuthierError) and is_readable(outcome):
                room.cache.keep(places[place], outcome)
            room.on_judged(times[places[place]])
    return [outcomes[key] for key in keys]


def list_keys(requests: Sequence[Request], room: Courtroom) -> list[str]:
    """The same for the same question to the same judge."""
    if not requests:
        return []
    engine = find_engine(room.engine, requests[0].model)
    identity = engine.identify(requests[0].model)
    return [cache_key(identity, engine.name, request) for request in requests]


def find_engine(engine: Engine, model: str) -> Engine:
    """The one that really answers: what a routing engine is called depends on what else runs."""
    return engine.find(model) if isinstance(engine, RoutingEngine) else engine
