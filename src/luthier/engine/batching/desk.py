"""One copy of a base's weights at work: requests are prepared for it, and its scheduler steps in turn with others.

A pool builds desks and closes them; whoever holds a lease on one may hand requests in.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from luthier.engine.batching.preparation import Preparer
from luthier.engine.batching.scheduler import Scheduler
from luthier.errors import LuthierError
from luthier.models.loading import translate_memory_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from luthier.engine.adapters.adapter import Adapter
    from luthier.engine.batching.reply import Reply
    from luthier.engine.batching.worker import Worker
    from luthier.engine.runners.passage import Stretch
    from luthier.engine.runners.sequence import Runner
    from luthier.models.loading import LoadedBase
    from luthier.tokens.encode import EncodedExample

Result = TypeVar("Result")


class Desk:
    """Everything but `prepare` happens in the worker's thread, where alone the runner is used."""

    def __init__(
        self,
        base: LoadedBase,
        runner: Runner,
        worker: Worker,
        *,
        get_weight: Callable[[str], torch.Tensor],
        max_rows: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`get_weight` gives the dense weight (out, in) of a linear layer; it may be called in any thread."""
        self.base = base
        self.preparer = Preparer(base, vocabulary_size=runner.vocabulary_size)
        self.get_weight = get_weight
        self._runner = runner
        self._scheduler = Scheduler(runner, max_rows=max_rows, clock=clock)
        self._worker = worker
        self._is_stepping = False

    def take(self, reply: Reply, *, leave: Callable[[], None]) -> None:
        """`leave` is called when the reply has ended, one way or another, and nothing of it is held any more."""

        def enter() -> None:
            self._scheduler.add(reply, leave=leave)
            if not self._is_stepping:
                self._is_stepping = True
                self._worker.put(self._step, give_up=self._give_up)

        def give_up(error: LuthierError) -> None:
            reply.fail(error)
            leave()

        self._worker.put(enter, give_up=give_up)

    def score(self, row: EncodedExample, adapter: Adapter | None) -> float:
        """Waits for its turn. Raises OutOfMemory, or RequestCancelled when the engine is closed."""
        return self._compute("scoring", lambda: self._runner.score(row, adapter))

    def read(self, stretches: list[Stretch], adapter: Adapter | None) -> torch.Tensor:
        """As `Runner.read`; waits and raises as `score`."""
        return self._compute("reading", lambda: self._runner.read(stretches, adapter))

    def forget(self, adapter: Adapter) -> None:
        """The adapter leaves memory: nobody holds a lease on it any more."""
        self._worker.put(lambda: self._runner.forget(adapter), give_up=lambda error: None)

    def close(self) -> None:
        self.preparer.close()

    def _compute(self, doing: str, compute: Callable[[], Result]) -> Result:
        """In the worker's thread, while this one waits."""
        result: Future[Result] = Future()

        def do() -> None:
            try:
                with translate_memory_errors(doing):
                    result.set_result(compute())
            except LuthierError as error:
                result.set_exception(error)

        self._worker.put(do, give_up=result.set_exception)
        return result.result()

    def _step(self) -> None:
        self._scheduler.step()
        self._is_stepping = self._scheduler.has_work
        if self._is_stepping:
            self._worker.put(self._step, give_up=self._give_up)

    def _give_up(self, error: LuthierError) -> None:
        self._is_stepping = False
        self._scheduler.fail_all(error)
