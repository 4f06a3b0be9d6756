"""Evals: what runs of them measure by, kept, found again in either order, renamed and deleted with all they led to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import delete, select

from luthier.errors import UnknownArtefact
from luthier.store.ids import is_id, new_id
from luthier.store.metadata_match import check_metadata
from luthier.store.paging import Page, Span, read_page
from luthier.store.tables import EvalOutputItemRow, EvalRow, EvalRunRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from luthier.store.database import Database

PREFIX = "eval_"

EvalOrder = Literal["created_at", "updated_at"]


@dataclass(frozen=True, slots=True)
class Eval:
    """`data_source_config` and `testing_criteria` are OpenAI's JSON as it was sent; they never change."""

    id: str
    name: str
    data_source_config: dict[str, Any]
    testing_criteria: list[dict[str, Any]]
    metadata: dict[str, str] | None
    created_at: datetime
    updated_at: datetime


class EvalDraft(NamedTuple):
    data_source_config: dict[str, Any]
    testing_criteria: list[dict[str, Any]]
    name: str = ""
    metadata: dict[str, str] | None = None


class EvalQuery(NamedTuple):
    limit: int = 20
    after: str | None = None
    is_descending: bool = False
    order_by: EvalOrder = "created_at"


def create_eval(db: Database, draft: EvalDraft) -> Eval:
    """Raises InvalidRequest for metadata that cannot be kept."""
    check_metadata(draft.metadata, "metadata")
    now = db.clock()
    row = EvalRow(
        id=new_id(PREFIX, now),
        name=draft.name,
        data_source_config=draft.data_source_config,
        testing_criteria=draft.testing_criteria,
        metadata_=draft.metadata,
        created_at=now,
        updated_at=now,
    )
    with db.session() as session:
        session.add(row)
    return read_eval(row)


def get_eval(db: Database, eval_id: str) -> Eval:
    """Raises UnknownArtefact."""
    with db.reading() as session:
        return read_eval(find_eval(session, eval_id))


def list_evals(db: Database, query: EvalQuery) -> Page[Eval]:
    """Raises UnknownArtefact for an `after` that is no id, or by `updated_at` that of no eval."""
    if query.after is not None and not is_id(query.after, PREFIX):
        raise unknown_eval(query.after)
    is_by_creation = query.order_by == "created_at"  # ids sort by that, also behind an eval that is gone
    order = [EvalRow.id] if is_by_creation else [EvalRow.updated_at, EvalRow.id]
    with db.reading() as session:
        after = None
        if query.after is not None:
            after = EvalRow(id=query.after) if is_by_creation else find_eval(session, query.after)
        page = read_page(session, select(EvalRow), order, Span(query.limit, after, query.is_descending))
        return Page([read_eval(row) for row in page.items], page.has_more)


def amend_eval(db: Database, eval_id: str, changes: dict[str, Any]) -> Eval:
    """`changes` are a new `name`, or `metadata` that replaces all pairs. Raises UnknownArtefact and InvalidRequest."""
    check_metadata(changes.get("metadata"), "metadata")
    with db.session() as session:
        row = find_eval(session, eval_id)
        row.name = changes.get("name", row.name)
        row.metadata_ = changes.get("metadata", row.metadata_)
        row.updated_at = db.clock()
        return read_eval(row)


def delete_eval(db: Database, eval_id: str) -> None:
    """With its runs, finished or not, and their items. Raises UnknownArtefact."""
    with db.session() as session:
        row = find_eval(session, eval_id)
        # Those at work on a run hold its row while they keep an item: waited for here, and none comes after.
        mine = select(EvalRunRow.id).where(EvalRunRow.eval_id == eval_id)
        run_ids = list(session.scalars(mine.with_for_update()))
        session.execute(delete(EvalOutputItemRow).where(EvalOutputItemRow.run_id.in_(run_ids)))
        session.execute(delete(EvalRunRow).where(EvalRunRow.id.in_(run_ids)))
        session.delete(row)


def find_eval(session: Session, eval_id: str) -> EvalRow:
    """Raises UnknownArtefact."""
    row = session.get(EvalRow, eval_id) if is_id(eval_id, PREFIX) else None
    if row is None:
        raise unknown_eval(eval_id)
    return row


def read_eval(row: EvalRow) -> Eval:
    return Eval(
        id=row.id,
        name=row.name,
        data_source_config=row.data_source_config,
        testing_criteria=row.testing_criteria,
        metadata=row.metadata_,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def unknown_eval(eval_id: str) -> UnknownArtefact:
    return UnknownArtefact(f"No eval found with id: {eval_id}", hint="GET /v1/evals lists those that exist")
