"""How long each of several models takes for one answer when nothing else is asked: the wait of a single reader."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.protocol import Request
from luthier.errors import DataError, DeadlineExceeded, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.runner import Contestant
    from luthier.evaluation.task import EvalTask, Sample

CONCERNS_ONE_SAMPLE = (DataError, DeadlineExceeded, InvalidRequest)

USUAL_COUNT = 5
USUAL_BUDGET_SECONDS = 20.0


class Spread(NamedTuple):
    """In seconds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Of `count` answers. `first_seconds` is until something of the answer is there, which is all of it where the
    engine does not stream. None for the speed where nobody counted the tokens."""

    model: str
    count: int
    first_seconds: Spread
    whole_seconds: Spread
    tokens_per_second: float | None


class Timing(NamedTuple):
    first_seconds: float
    whole_seconds: float
    tokens: int


@dataclass(eq=False)
class Stand:
    contestant: Contestant
    timings: list[Timing] = field(default_factory=list)


def measure_latency(
    contestants: Sequence[Contestant],
    task: EvalTask,
    *,
    count: int = USUAL_COUNT,
    budget_seconds: float = USUAL_BUDGET_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Latency, ...]:
    """The models take turns, so that a machine that gets slower meanwhile does so for all of them. Each is asked for
    one token first, unmeasured, which loads it. No new round begins once `budget_seconds` are spent, but one is always
    run. To be called before the test itself, whose prompts an engine may remember.

    A model that could answer none of the cases is left out.
    """
    stands = [Stand(contestant) for contestant in contestants]
    first, *others = choose_samples(task, count + 1)
    short = replace(task, sampling=task.sampling.model_copy(update={"max_tokens": 1}))
    for stand in stands:
        time_answer(stand.contestant, short, first, clock)
    end = clock() + budget_seconds
    for sample in others or [first]:
        for stand in stands:
            timing = time_answer(stand.contestant, task, sample, clock)
            if timing is not None:
                stand.timings.append(timing)
        if clock() >= end:
            break
    return tuple(summarise_timings(stand) for stand in stands if stand.timings)


def choose_samples(task: EvalTask, count: int) -> list[Sample]:
    """Evenly over the test, so that rows in the order of their length are all among them."""
    total = len(task.samples)
    steps = min(count, total)
    places = [round(step * (total - 1) / max(steps - 1, 1)) for step in range(steps)]
    return [task.samples[place] for place in places]


def time_answer(contestant: Contestant, task: EvalTask, sample: Sample, clock: Callable[[], float]) -> Timing | None:
    """None for a case that this model cannot answer."""
    request = Request(contestant.model, sample.prompt, task.sampling, tools=sample.tools, structure=task.structure)
    start = clock()
    answer = contestant.engine.submit(request)
    try:
        first = next((clock() for _ in answer), None)
        response = answer.wait()
    except CONCERNS_ONE_SAMPLE:
        return None
    end = clock()
    return Timing((first or end) - start, end - start, response.completion_tokens)


def summarise_timings(stand: Stand) -> Latency:
    whole = [timing.whole_seconds for timing in stand.timings]
    tokens, seconds = sum(timing.tokens for timing in stand.timings), sum(whole)
    return Latency(
        model=stand.contestant.model,
        count=len(stand.timings),
        first_seconds=spread([timing.first_seconds for timing in stand.timings]),
        whole_seconds=spread(whole),
        tokens_per_second=tokens / seconds if tokens and seconds else None,
    )


def spread(seconds: Sequence[float]) -> Spread:
    return Spread(median(seconds), min(seconds), max(seconds))
