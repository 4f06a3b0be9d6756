"""A run that is held becomes findings about its items, many asked at once, each kept as soon as it is there."""

from __future__ import annotations

import logging
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from threading import Event, Lock
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from luthier.errors import (
    DatabaseUnavailable,
    DataError,
    DiskFull,
    EngineUnavailable,
    IsolationMissing,
    LeaseLost,
    LuthierError,
    MachineError,
    Overloaded,
    RequestCancelled,
    StoreDamaged,
    UnknownModel,
    UsageError,
)
from luthier.evaluation.graders.openai.supervision import Supervision
from luthier.pipeline.evals.answers import Answered, conclude, fail_judgement, fail_question, read_given, read_response
from luthier.pipeline.evals.criteria import judge, read_criteria
from luthier.pipeline.evals.questions import build_question
from luthier.pipeline.evals.sources import read_source
from luthier.store.eval_runs import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future
    from threading import BoundedSemaphore

    from luthier.engine.answer import Answer
    from luthier.engine.protocol import Engine, Request, Response
    from luthier.evaluation.graders.openai.grading import Tools
    from luthier.jobs.evals.hold import Finding, PendingItem
    from luthier.jobs.evals.queue import RunClaim
    from luthier.pipeline.evals.criteria import Criterion
    from luthier.pipeline.evals.questions import BuildRequest
    from luthier.store.home import Home

LOG = logging.getLogger(__name__)

TRIES = 8
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
"""Together about a minute, in which an engine that has ended is there again."""

AWAY_PAUSE_SECONDS = 2.0
PAGE = 64

PASSING = (EngineUnavailable, Overloaded, RequestCancelled)
"""Another try may end better."""

AWAY = (DatabaseUnavailable, DiskFull)

T = TypeVar("T")


class Workshop(NamedTuple):
    """What every run is worked on with. `pool` answers items; `code_slots` are held while a grader's code runs."""

    home: Home
    engine: Engine
    tools: Tools
    build_request: BuildRequest
    pool: Executor
    items_at_once: int
    code_slots: BoundedSemaphore


class RunWork:
    """One attempt at a run, in a thread of its own; `stop` ends it from any other."""

    def __init__(self, workshop: Workshop, claim: RunClaim) -> None:
        self.hold = claim.hold
        self._shop = workshop
        self._run = claim.run
        self._eval = claim.eval
        self._criteria: tuple[Criterion, ...] = ()
        self._tools = replace(workshop.tools, supervision=Supervision())
        self._stopped = Event()
        """Somebody else says so."""
        self._dropped = Event()
        """Nobody waits for its items any more, for whatever reason."""
        self._open: set[Answer] = set()
        self._opening = Lock()

    def stop(self) -> None:
        """What is being answered is left, and nothing more is kept."""
        self._stopped.set()
        self._drop()

    def work(self) -> None:
        """Until the run has ended, somebody else has it, or `stop`. A database that is away is waited for."""
        try:
            failure = self._advance()
            if failure is not None:
                self._persist(partial(self.hold.fail, failure))
            elif not self._stopped.is_set():
                self._persist(self.hold.complete)
        except LeaseLost as error:
            LOG.info("%s", error.message)
        except AWAY as error:  # and it is stopped: the next process goes on from what was kept
            LOG.warning("eval run %s is left: %s", self._run.id, error.message)

    def _advance(self) -> RunError | None:
        """Why it has failed, if it has. All that is done stays, so that another attempt goes on from there."""
        try:
            self._criteria = read_criteria(self._eval.id, self._eval.testing_criteria)
            if not self._run.is_prepared:
                self._persist(self._prepare)
            self._answer_all()
        except (UsageError, DataError, IsolationMissing, StoreDamaged) as error:
            return RunError(error.code, _word(error))
        return None

    def _prepare(self) -> None:
        self.hold.prepare(read_source(self._shop.home, self._eval, self._run))

    def _answer_all(self) -> None:
        """Raises what keeps every item from being judged."""
        going: set[Future[None]] = set()
        with ExitStack() as failing:
            failing.callback(wait, going)
            failing.callback(self._drop)
            for item in self._list_pending():
                while len(going) >= self._shop.items_at_once:
                    _reap(going)
                if self._dropped.is_set():
                    break
                going.add(self._shop.pool.submit(self._settle, item))
            while going:
                _reap(going)
            failing.pop_all()

    def _list_pending(self) -> Iterator[PendingItem]:
        after = -1
        while items := self._persist(partial(self.hold.list_pending, after=after, limit=PAGE)):
            yield from items
            after = items[-1].number

    def _settle(self, item: PendingItem) -> None:
        """Raises LeaseLost, and what would befall every other item as well."""
        finding = self._find(item)
        if finding is not None and not self._dropped.is_set():
            self._persist(partial(self.hold.keep, item.id, finding))

    def _find(self, item: PendingItem) -> Finding | None:
        """None when nobody waits for it any more."""
        if self._run.model is None:
            answered: Answered | Finding | None = read_given(item.sample)
        else:
            answered = self._ask(item, self._run.model)
        return self._judge(item, answered) if isinstance(answered, Answered) else answered

    def _judge(self, item: PendingItem, answered: Answered) -> Finding | None:
        if answered.sample is None:
            return fail_question(None, "no_sample", "the item came with no answer, and the run asks no model")
        verdicts = []
        for criterion in self._criteria:
            act = partial(
                judge, criterion, item.item, answered.sample, tools=self._tools, code_slot=self._shop.code_slots
            )
            try:
                verdicts.append(self._insist(act))
            except IsolationMissing:
                raise
            except MachineError as error:
                return None if self._dropped.is_set() else fail_judgement(answered, error.code, _word(error))
            if self._dropped.is_set():
                return None
        return conclude(answered, verdicts)

    def _ask(self, item: PendingItem, model: str) -> Answered | Finding | None:
        question = None
        try:
            question = build_question(self._run.data_source, model, item.item)
            response = self._insist(partial(self._wait_for, self._shop.build_request(question)))
        except UnknownModel:
            raise
        except LuthierError as error:
            return None if self._dropped.is_set() else fail_question(question, error.code, _word(error))
        return read_response(question, response)

    def _wait_for(self, request: Request) -> Response:
        answer = self._shop.engine.submit(request)
        with self._opening:
            self._open.add(answer)
        try:
            if self._dropped.is_set():
                answer.cancel()
            return answer.wait()
        finally:
            with self._opening:
                self._open.discard(answer)

    def _drop(self) -> None:
        self._dropped.set()
        self._tools.supervision.halted.set()
        with self._opening:
            answers = list(self._open)
        for answer in answers:
            answer.cancel()

    def _insist(self, act: Callable[[], T]) -> T:
        """Again after a while where that may help; raises what it was in the end."""
        pause = FIRST_PAUSE_SECONDS
        for _ in range(TRIES - 1):
            try:
                return act()
            except PASSING:
                if self._dropped.wait(pause):
                    raise
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return act()

    def _persist(self, act: Callable[[], T]) -> T:
        """As often as it takes for the database to hear it; raises why not once it is stopped."""
        while True:
            try:
                return act()
            except AWAY as error:
                LOG.warning("eval run %s waits: %s", self._run.id, error.message)
                if self._stopped.wait(AWAY_PAUSE_SECONDS):
                    raise


def _reap(going: set[Future[None]]) -> None:
    """Takes out those that are done, when one is. Raises what one of them ended with."""
    done, _ = wait(going, return_when=FIRST_COMPLETED)
    going -= done
    for each in done:
        each.result()


def _word(error: LuthierError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message
