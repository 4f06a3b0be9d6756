"""Whoever works on a run in one attempt says through this what came of its items and how it ended, and nobody else can.

Every call is one transaction, and only while the attempt is the run's latest and nobody has taken it away: else it
raises LeaseLost and changes nothing. A call may be repeated when nobody knows whether the database still heard it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import defer

from luthier.errors import LeaseLost
from luthier.jobs.evals import transitions
from luthier.store.eval_runs import ITEM_PREFIX, ModelUsage
from luthier.store.ids import new_id
from luthier.store.tables import EvalOutputItemRow, EvalRunRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from luthier.store.database import Database
    from luthier.store.eval_runs import ItemStatus, RunError


class SourceRow(NamedTuple):
    """What a run is made of: an item, and the answer that came with it, if one did."""

    item: dict[str, Any]
    sample: dict[str, Any] | None = None


class PendingItem(NamedTuple):
    """An item of which nothing has come yet; `number` counts from 0."""

    id: str
    number: int
    item: dict[str, Any]
    sample: dict[str, Any] | None


class Finding(NamedTuple):
    """What came of an item. `passed` says it for each criterion, None where that erred, and is empty where none was
    asked; `usage` is by model."""

    status: ItemStatus
    sample: dict[str, Any]
    results: list[dict[str, Any]]
    passed: tuple[bool | None, ...]
    usage: Mapping[str, ModelUsage]


class RunHold:
    def __init__(self, db: Database, run_id: str, attempt: int) -> None:
        self.run_id = run_id
        self.attempt = attempt
        self._db = db

    def beat(self) -> None:
        with self._db.session() as session:
            self._lock(session).beats += 1

    def is_mine(self) -> bool:
        """Whether it is still held; a look that holds up nobody."""
        with self._db.reading() as session:
            return session.scalar(self._mine().with_only_columns(EvalRunRow.id)) is not None

    def prepare(self, rows: Sequence[SourceRow]) -> None:
        """Keeps all items, in their order: from now on nobody looks at the source again."""
        with self._db.session() as session:
            run = self._lock(session)
            if run.is_prepared:
                return
            run.is_prepared, run.total = True, len(rows)
            moment = self._db.clock()
            session.add_all(
                EvalOutputItemRow(
                    id=new_id(ITEM_PREFIX, moment + timedelta(microseconds=number)),
                    run_id=run.id,
                    number=number,
                    item=row.item,
                    given=row.sample,
                )
                for number, row in enumerate(rows)
            )

    def list_pending(self, *, after: int, limit: int) -> list[PendingItem]:
        """Of higher numbers than `after`."""
        pending = select(EvalOutputItemRow).where(
            EvalOutputItemRow.run_id == self.run_id,
            EvalOutputItemRow.status.is_(None),
            EvalOutputItemRow.number > after,
        )
        with self._db.reading() as session:
            rows = session.scalars(pending.order_by(EvalOutputItemRow.number).limit(limit))
            return [PendingItem(row.id, row.number, row.item, row.given) for row in rows]

    def keep(self, item_id: str, finding: Finding) -> None:
        """The item and the tally change together, once; a repeat changes nothing."""
        with self._db.session() as session:
            run = self._lock(session)
            row = session.get(EvalOutputItemRow, item_id)
            if row is None or row.status is not None:
                return
            row.status, row.done_at = finding.status, self._db.clock()
            row.sample, row.results = finding.sample, finding.results
            run.tally = _count(run.tally, finding)
            run.barren_attempts = 0

    def complete(self) -> None:
        with self._db.session() as session:
            transitions.complete(session, self._lock(session), now=self._db.clock())

    def fail(self, error: RunError) -> None:
        with self._db.session() as session:
            transitions.fail(session, self._lock(session), error, now=self._db.clock())

    def give_back(self) -> None:
        """It waits for the next process, as far as it has come; being stopped is no fault of the run."""
        with self._db.session() as session:
            run = self._lock(session)
            run.holder, run.barren_attempts = None, 0

    def _lock(self, session: Session) -> EvalRunRow:
        """Raises LeaseLost. What the run's source says may be long, and nobody asks for it here."""
        row = session.scalar(self._mine().options(defer(EvalRunRow.data_source)).with_for_update())
        if row is None:
            raise LeaseLost(f"attempt {self.attempt} of eval run {self.run_id} has no hold of it any more")
        return row

    def _mine(self) -> Select[EvalRunRow]:
        return select(EvalRunRow).where(
            EvalRunRow.id == self.run_id,
            EvalRunRow.attempt == self.attempt,
            EvalRunRow.status == "in_progress",
            EvalRunRow.holder.is_not(None),
        )


def _count(tally: Mapping[str, Any], finding: Finding) -> dict[str, Any]:
    names = {"pass": "passed", "fail": "failed", "error": "errored"}
    name = names[finding.status]
    verdicts = finding.passed or (None,) * len(tally["criteria"])
    counts = [_count_one(counts, passed) for counts, passed in zip(tally["criteria"], verdicts, strict=True)]
    usage = dict(tally["usage"])
    for model, used in finding.usage.items():
        usage[model] = _add(ModelUsage(**usage[model]) if model in usage else ModelUsage(), used)
    return {**tally, name: tally[name] + 1, "criteria": counts, "usage": usage}


def _count_one(counts: Sequence[int], passed: bool | None) -> list[int]:
    return [counts[0] + (passed is True), counts[1] + (passed is False)]


def _add(first: ModelUsage, second: ModelUsage) -> dict[str, int]:
    names: Iterable[str] = ModelUsage.__slots__
    return {name: getattr(first, name) + getattr(second, name) for name in names}
