"""Many requests go to an engine at once, and their outcomes come back in the order of the requests."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import LuthierError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from luthier.engine.answer import Answer
    from luthier.engine.protocol import Engine, Request, Response


class Ended(NamedTuple):
    """What became of the answer at `place`, counted from 0."""

    place: int
    outcome: Response | LuthierError


def await_each(answers: Sequence[Answer]) -> Generator[Ended]:
    """Each as it ends, in that order. Leaving early, by Ctrl-C say, cancels what is not answered.

    The answers may be of several engines.
    """
    ended: SimpleQueue[int] = SimpleQueue()
    waiting = set(range(len(answers)))

    def tell(place: int) -> None:
        if answers[place].is_done:
            ended.put(place)

    try:
        for place, answer in enumerate(answers):
            answer.listen(partial(tell, place))
        while waiting:
            place = ended.get()
            if place in waiting:  # one that ends while it is listened to is told twice
                waiting.remove(place)
                yield Ended(place, answers[place].wait_for_outcome())
    finally:
        for place in waiting:
            answers[place].cancel()


def ask(
    engine: Engine, requests: Sequence[Request], *, on_progress: Callable[[int], None] | None = None
) -> list[Response | LuthierError]:
    """What became of each; `on_progress` is called with the number of those that ended since the last call.

    Leaving early, by Ctrl-C say, cancels what is not answered.
    """
    outcomes: dict[int, Response | LuthierError] = {}
    with closing(await_each([engine.submit(request) for request in requests])) as ended:
        for place, outcome in ended:
            outcomes[place] = outcome
            if on_progress is not None:
                on_progress(1)
    return [outcomes[place] for place in range(len(requests))]


def generate(
    engine: Engine, requests: Sequence[Request], *, on_progress: Callable[[int], None] | None = None
) -> list[Response]:
    """Raises the error of the first request that failed, after all have ended."""
    responses = []
    for outcome in ask(engine, requests, on_progress=on_progress):
        if isinstance(outcome, LuthierError):
            raise outcome
        responses.append(outcome)
    return responses
