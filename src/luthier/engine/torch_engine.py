"""The embedded engine: requests come in with names of models, and one copy of each base's weights answers them.

An adapter that was trained on four-bit weights answers from four-bit weights, a second copy: on any others it would be
another model than the one that was validated.
"""

from __future__ import annotations

import math
import time
import weakref
from collections import deque
from contextlib import suppress
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple, Self

import torch

from luthier.engine.answer import Answer
from luthier.engine.batching.desk import Desk
from luthier.engine.batching.preparation import encode_prompt, hash_prompt
from luthier.engine.batching.worker import Worker
from luthier.engine.protocol import Likelihood
from luthier.engine.residence.pool import Pool
from luthier.engine.runners.choice import open_runner
from luthier.engine.surveying import survey_readings
from luthier.errors import (
    DeadlineExceeded,
    ExampleTooLong,
    InvalidRequest,
    LuthierError,
    RequestCancelled,
    UnknownModel,
)
from luthier.models.precision import choose_device, choose_dtype
from luthier.tokens.pairs import encode_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.engine.protocol import Answered, ModelIdentity, Reading, Request, Survey
    from luthier.engine.residence.pool import Lease
    from luthier.models.catalog import Base
    from luthier.models.loading import LoadedBase
    from luthier.models.registry import TunedModel
    from luthier.models.settings import Precision
    from luthier.tokens.encode import EncodedExample

LOADING_THREADS = 4
"""One may wait for room until running requests end, and others must not wait with it."""

COMPILING_THREADS = 2
"""For grammars, and none of those that load: what is to be compiled has the lease that loading may wait for."""


class TorchEngine:
    """Continuous batching over any number of models, as far as memory holds them; the least used leave it.

    It ends with `close`, or when nothing refers to it any more and nothing is left to answer.
    """

    def __init__(
        self,
        resolve: Callable[[str], TunedModel | Base],
        *,
        precision: Precision = "auto",
        memory_bytes: int | None = None,
        max_rows: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`resolve` finds what a name stands for, or raises UnknownModel; it is called from several threads.

        `memory_bytes` is for weights, adapters, keys and values together; by default what the machine has to spare.
        Of each base, up to `max_rows` requests are answered at once.
        """
        self._precision = precision
        self._clock = clock
        self._steps, self._prompts = Worker("luthier-steps"), Worker("luthier-prompts")
        self._loading = Worker("luthier-loading", threads=LOADING_THREADS)
        self._compiling = Worker("luthier-compiling", threads=COMPILING_THREADS)
        open_desk = partial(_open_desk, worker=self._steps, max_rows=max_rows, clock=clock)
        self._pool: Pool[Desk] = Pool(resolve, open_desk, precision=precision, budget_bytes=memory_bytes)
        self._awaited = _Awaited()
        slow, quick = (self._loading, self._compiling), (self._prompts, self._steps)
        self._end = weakref.finalize(self, _close, self._pool, self._awaited, slow=slow, quick=quick)

    @property
    def name(self) -> str:
        device = choose_device()
        dtype = choose_dtype(self._precision, device)
        return f"torch-{torch.__version__}/{device.type}/{str(dtype).removeprefix('torch.')}"

    @property
    def busy_seconds(self) -> float:
        """See `Watched`. Loading a model, which may take its time, is no step."""
        return max(self._steps.busy_seconds, self._prompts.busy_seconds)

    def identify(self, model: str) -> ModelIdentity:
        """Without loading any weights. Raises UnknownModel, or StoreDamaged for what does not fit together any more."""
        return self._pool.identify(model)

    def submit(self, request: Request) -> Answer:
        answer = Answer()
        seconds = request.deadline_seconds
        if seconds is not None and math.isnan(seconds):
            answer.fail(InvalidRequest("deadline_seconds is no number", hint="give seconds, or leave it out"))
            return answer
        arrival = Arrival(request, answer, None if seconds is None else self._clock() + seconds)
        lease = None if self._awaited.has(request.model) else self._pool.find(request.model)
        if lease is not None:
            self._receive(arrival, lease)
            return answer
        if self._awaited.add(arrival):
            open_model = partial(self._open, request.model)
            self._loading.put(open_model, give_up=partial(self._awaited.fail, request.model))
        if seconds is not None:
            self._prompts.put(partial(self._check_time, arrival), give_up=answer.fail, delay_seconds=seconds)
        return answer

    def hash_prompt(self, request: Request) -> str:
        """What `Response.prompt_hash` of its answer would be. Loads no weights.

        Raises what is wrong with the model or the messages.
        """
        return hash_prompt(encode_prompt(request, self._pool.find_template(request.model)))

    def score(
        self, answers: Sequence[Answered], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Likelihood]:
        """Raises ExampleTooLong before anything is computed when a conversation exceeds the context."""
        rows = [self._encode_answer(answered, place) for place, answered in enumerate(answers, start=1)]
        likelihoods = []
        for answered, row in zip(answers, rows, strict=True):
            with self._pool.lease(answered.model) as lease:
                log_prob = lease.served.score(row, lease.adapter)
            prompt = list(row.ids[: row.is_target.index(True)])
            likelihoods.append(Likelihood(log_prob, row.target_count, hash_prompt(prompt)))
            if on_progress is not None:
                on_progress(1)
        return likelihoods

    def survey(
        self, models: Sequence[str], readings: Sequence[Reading], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Survey]:
        """See `Surveyor`."""
        return survey_readings(self._pool, models, readings, on_progress=on_progress)

    def close(self) -> None:
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, model: str) -> None:
        """Loads the model if need be, and hands in whoever waits for it, who until then fails with the others should
        anything go wrong."""
        while (arrival := self._awaited.find_first(model)) is not None:
            if not self._is_over(arrival):
                try:
                    self._receive(arrival, self._pool.lease(model))
                except LuthierError as error:
                    self._awaited.fail(model, self._find_cause(model, error))
                    return
            self._awaited.remove(arrival)

    def _find_cause(self, model: str, error: LuthierError) -> LuthierError:
        """Of a model that was deleted while it was being loaded nothing is damaged: it is unknown now."""
        with suppress(LuthierError):
            try:
                self._pool.identify(model)
            except UnknownModel as gone:
                return gone
        return error

    def _receive(self, arrival: Arrival, lease: Lease[Desk]) -> None:
        """Grammars may take seconds to compile, so they do not stand in the way of plain prompts."""
        is_plain = arrival.request.structure is None and not arrival.request.tools
        worker = self._prompts if is_plain else self._compiling
        worker.put(partial(self._prepare, arrival, lease), give_up=partial(self._give_back, arrival, lease))

    def _prepare(self, arrival: Arrival, lease: Lease[Desk]) -> None:
        request, answer, deadline = arrival
        desk = lease.served
        try:
            if self._is_over(arrival):
                lease.release()
                return
            reply = desk.preparer.prepare(request, answer, adapter=lease.adapter, deadline=deadline)
        except LuthierError as error:
            self._give_back(arrival, lease, error)
            return
        # A method of the engine, so that it lives as long as there is something to answer.
        desk.take(reply, leave=partial(self._leave, lease))

    def _give_back(self, arrival: Arrival, lease: Lease[Desk], error: LuthierError) -> None:
        arrival.answer.fail(error)
        lease.release()

    def _leave(self, lease: Lease[Desk]) -> None:
        lease.release()

    def _is_over(self, arrival: Arrival) -> bool:
        self._check_time(arrival)
        return arrival.answer.is_done

    def _check_time(self, arrival: Arrival) -> None:
        if arrival.deadline is not None and self._clock() >= arrival.deadline:
            arrival.answer.fail(DeadlineExceeded("the answer was not begun when its time was over"))

    def _encode_answer(self, answered: Answered, place: int) -> EncodedExample:
        with self._pool.lease(answered.model) as lease:
            base = lease.base
            row = encode_answer(base.template, answered.conversation)
        if row.token_count > base.context_length:
            raise ExampleTooLong(
                f"answer {place} and its prompt have {row.token_count} tokens, the context of {base.name} "
                f"{base.context_length}",
                hint="shorten the row, or leave it out of the test",
            )
        return row


def _open_desk(base: LoadedBase, kv_bytes: int, *, worker: Worker, max_rows: int, clock: Callable[[], float]) -> Desk:
    runner, get_weight = open_runner(base.model, kv_bytes=kv_bytes)
    return Desk(base, runner, worker, get_weight=get_weight, max_rows=max_rows, clock=clock)


def _close(pool: Pool[Desk], awaited: _Awaited, *, slow: Sequence[Worker], quick: Sequence[Worker]) -> None:
    """What is being loaded or compiled is not waited for: nobody will ask for it."""
    for worker in slow:
        worker.close(waits=False)
    for worker in quick:
        worker.close()
    awaited.fail_all(RequestCancelled("the engine was closed"))
    pool.close()


class Arrival(NamedTuple):
    """`deadline` is a time of the engine's clock."""

    request: Request
    answer: Answer
    deadline: float | None


class _Awaited:
    """Who waits for models that are not in memory, in order of arrival. A model is in here until nobody waits for it,
    so that who comes meanwhile comes after them."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._arrivals: dict[str, deque[Arrival]] = {}

    def has(self, model: str) -> bool:
        return model in self._arrivals

    def add(self, arrival: Arrival) -> bool:
        """Whether it is the first, for whom the model has to be opened."""
        with self._lock:
            is_first = arrival.request.model not in self._arrivals
            self._arrivals.setdefault(arrival.request.model, deque()).append(arrival)
            return is_first

    def find_first(self, model: str) -> Arrival | None:
        with self._lock:
            arrivals = self._arrivals.get(model)
            if arrivals:
                return arrivals[0]
            self._arrivals.pop(model, None)
            return None

    def remove(self, first: Arrival) -> None:
        """If it is still there."""
        with self._lock:
            arrivals = self._arrivals.get(first.request.model)
            if arrivals and arrivals[0] is first:
                arrivals.popleft()

    def fail(self, model: str, error: LuthierError) -> None:
        with self._lock:
            arrivals = self._arrivals.pop(model, deque())
        for arrival in arrivals:
            arrival.answer.fail(error)

    def fail_all(self, error: LuthierError) -> None:
        for model in list(self._arrivals):
            self.fail(model, error)
