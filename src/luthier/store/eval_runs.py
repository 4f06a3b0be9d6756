"""Runs of evals and what came of each item: kept, found again page by page, and deleted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from sqlalchemy import delete, select

from luthier.errors import UnknownArtefact
from luthier.store.evals import find_eval
from luthier.store.ids import is_id
from luthier.store.paging import Page, Span, read_page
from luthier.store.tables import EvalOutputItemRow, EvalRunRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from luthier.store.database import Database

PREFIX = "evalrun_"
ITEM_PREFIX = "outputitem_"

RunStatus = Literal["queued", "in_progress", "completed", "canceled", "failed"]
ItemStatus = Literal["pass", "fail", "error"]

UNFINISHED: frozenset[RunStatus] = frozenset({"queued", "in_progress"})


class RunError(NamedTuple):
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """`prompt_tokens` include those that were `cached_tokens`."""

    invocations: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class CriterionCount(NamedTuple):
    passed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of the items that are done; `criteria` in the order of the eval's, an item that erred in neither."""

    passed: int = 0
    failed: int = 0
    errored: int = 0
    criteria: tuple[CriterionCount, ...] = ()
    usage: dict[str, ModelUsage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvalRun:
    """`total` counts its items, known once they were read; `model` is the public name of the one that is asked."""

    id: str
    eval_id: str
    name: str
    status: RunStatus
    model: str | None
    data_source: dict[str, Any]
    metadata: dict[str, str] | None
    created_at: datetime
    finished_at: datetime | None
    error: RunError | None
    is_prepared: bool
    total: int
    tally: Tally


@dataclass(frozen=True, slots=True)
class OutputItem:
    """`sample` is what was asked and answered, `results` what each criterion found, both in OpenAI's form."""

    id: str
    run_id: str
    number: int
    status: ItemStatus
    done_at: datetime
    item: dict[str, Any]
    sample: dict[str, Any]
    results: list[dict[str, Any]]


class RunQuery(NamedTuple):
    limit: int = 20
    after: str | None = None
    is_descending: bool = False
    status: RunStatus | None = None


class ItemQuery(NamedTuple):
    limit: int = 20
    after: str | None = None
    is_descending: bool = False
    status: ItemStatus | None = None


def get_run(db: Database, eval_id: str, run_id: str) -> EvalRun:
    """Raises UnknownArtefact."""
    with db.reading() as session:
        return read_run(find_run(session, eval_id, run_id))


def list_runs(db: Database, eval_id: str, query: RunQuery) -> Page[EvalRun]:
    """In the order in which they were made. Raises UnknownArtefact for an eval that is not, and an `after` that is no
    id."""
    if query.after is not None and not is_id(query.after, PREFIX):
        raise _unknown(f"No eval run found with id: {query.after}")
    rows = select(EvalRunRow).where(EvalRunRow.eval_id == eval_id)
    if query.status is not None:
        rows = rows.where(EvalRunRow.status == query.status)
    after = EvalRunRow(id=query.after) if query.after is not None else None
    with db.reading() as session:
        find_eval(session, eval_id)
        page = read_page(session, rows, [EvalRunRow.id], Span(query.limit, after, query.is_descending))
        return Page([read_run(row) for row in page.items], page.has_more)


def delete_run(db: Database, eval_id: str, run_id: str) -> None:
    """With its items; whoever works on it finds that it is gone. Raises UnknownArtefact."""
    with db.session() as session:
        row = find_run(session, eval_id, run_id, locks=True)
        session.execute(delete(EvalOutputItemRow).where(EvalOutputItemRow.run_id == run_id))
        session.delete(row)


def get_item(db: Database, eval_id: str, run_id: str, item_id: str) -> OutputItem:
    """Raises UnknownArtefact, also for an item that is not done yet."""
    with db.reading() as session:
        find_run(session, eval_id, run_id)
        return _read_item(_find_item(session, run_id, item_id))


def list_items(db: Database, eval_id: str, run_id: str, query: ItemQuery) -> Page[OutputItem]:
    """Those that are done, in the order in which they were: so that reading on finds what came meanwhile."""
    rows = select(EvalOutputItemRow).where(EvalOutputItemRow.run_id == run_id, EvalOutputItemRow.status.is_not(None))
    if query.status is not None:
        rows = rows.where(EvalOutputItemRow.status == query.status)
    order = [EvalOutputItemRow.done_at, EvalOutputItemRow.id]
    with db.reading() as session:
        find_run(session, eval_id, run_id)
        after = _find_item(session, run_id, query.after) if query.after is not None else None
        page = read_page(session, rows, order, Span(query.limit, after, query.is_descending))
        return Page([_read_item(row) for row in page.items], page.has_more)


def find_run(session: Session, eval_id: str, run_id: str, *, locks: bool = False) -> EvalRunRow:
    """With `locks` nobody else changes it until the transaction ends. Raises UnknownArtefact."""
    find_eval(session, eval_id)
    query = select(EvalRunRow).where(EvalRunRow.id == run_id, EvalRunRow.eval_id == eval_id)
    row = session.scalar(query.with_for_update() if locks else query) if is_id(run_id, PREFIX) else None
    if row is None:
        raise _unknown(f"No eval run found with id: {run_id}")
    return row


def read_run(row: EvalRunRow) -> EvalRun:
    return EvalRun(
        id=row.id,
        eval_id=row.eval_id,
        name=row.name,
        status=cast("RunStatus", row.status),
        model=row.model,
        data_source=row.data_source,
        metadata=row.metadata_,
        created_at=row.created_at,
        finished_at=row.finished_at,
        error=RunError(**row.error) if row.error else None,
        is_prepared=row.is_prepared,
        total=row.total,
        tally=read_tally(row.tally),
    )


def read_tally(value: dict[str, Any]) -> Tally:
    return Tally(
        passed=value["passed"],
        failed=value["failed"],
        errored=value["errored"],
        criteria=tuple(CriterionCount(*counts) for counts in value["criteria"]),
        usage={model: ModelUsage(**used) for model, used in value["usage"].items()},
    )


def _find_item(session: Session, run_id: str, item_id: str) -> EvalOutputItemRow:
    row = session.get(EvalOutputItemRow, item_id) if is_id(item_id, ITEM_PREFIX) else None
    if row is None or row.run_id != run_id or row.status is None:
        raise _unknown(f"No output item found with id: {item_id}")
    return row


def _read_item(row: EvalOutputItemRow) -> OutputItem:
    return OutputItem(
        id=row.id,
        run_id=row.run_id,
        number=row.number,
        status=cast("ItemStatus", row.status),
        done_at=cast("datetime", row.done_at),
        item=row.item,
        sample=row.sample or {},
        results=row.results or [],
    )


def _unknown(message: str) -> UnknownArtefact:
    return UnknownArtefact(message, hint="list them to see their ids")
