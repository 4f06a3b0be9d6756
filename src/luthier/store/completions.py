"""Chat completions that somebody asked to keep: found again by model and metadata, in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from luthier.errors import UnknownArtefact
from luthier.store.ids import is_id
from luthier.store.metadata_match import match_metadata
from luthier.store.paging import Page, Span, read_page
from luthier.store.tables import CompletionRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from luthier.store.database import Database

PREFIX = "chatcmpl-"


@dataclass(frozen=True, slots=True)
class KeptCompletion:
    """`request` is the JSON that was sent, `response` the object that was answered; `model` is its full public name."""

    id: str
    created_at: datetime
    model: str
    metadata: dict[str, str] | None
    request: dict[str, Any]
    response: dict[str, Any]


class CompletionQuery(NamedTuple):
    """`metadata` are pairs that must all be there; None asks for completions without metadata. The moments count in."""

    limit: int = 20
    after: str | None = None
    is_descending: bool = False
    model: str | None = None
    metadata: Mapping[str, str] | None = {}
    created_from: datetime | None = None
    created_until: datetime | None = None


def keep_completion(db: Database, kept: KeptCompletion) -> None:
    with db.session() as session:
        session.add(
            CompletionRow(
                id=kept.id,
                created_at=kept.created_at,
                model=kept.model,
                metadata_=kept.metadata,
                request=kept.request,
                response=kept.response,
            )
        )


def get_completion(db: Database, completion_id: str) -> KeptCompletion:
    """Raises UnknownArtefact."""
    with db.reading() as session:
        return _describe(_find(session, completion_id))


def list_completions(db: Database, query: CompletionQuery) -> Page[KeptCompletion]:
    """An `after` that was deleted meanwhile still says where to go on. Raises UnknownArtefact for one that is no id."""
    if query.after is not None and not is_id(query.after, PREFIX):
        raise _unknown(query.after)
    rows = select(CompletionRow).where(*match_metadata(CompletionRow.metadata_, query.metadata))
    if query.model is not None:
        rows = rows.where(CompletionRow.model == query.model)
    if query.created_from is not None:
        rows = rows.where(CompletionRow.created_at >= query.created_from)
    if query.created_until is not None:
        rows = rows.where(CompletionRow.created_at <= query.created_until)
    after = CompletionRow(id=query.after) if query.after is not None else None
    with db.reading() as session:
        page = read_page(session, rows, [CompletionRow.id], Span(query.limit, after, query.is_descending))
        return Page([_describe(row) for row in page.items], page.has_more)


def amend_metadata(db: Database, completion_id: str, metadata: dict[str, str] | None) -> KeptCompletion:
    """All pairs are replaced. Raises UnknownArtefact."""
    with db.session() as session:
        row = _find(session, completion_id)
        row.metadata_ = metadata
        return _describe(row)


def delete_completion(db: Database, completion_id: str) -> None:
    """Raises UnknownArtefact."""
    with db.session() as session:
        session.delete(_find(session, completion_id))


def _find(session: Session, completion_id: str) -> CompletionRow:
    row = session.get(CompletionRow, completion_id) if is_id(completion_id, PREFIX) else None
    if row is None:
        raise _unknown(completion_id)
    return row


def _unknown(completion_id: str) -> UnknownArtefact:
    return UnknownArtefact(f"No chat completion found with id: {completion_id}", hint="only those with store are kept")


def _describe(row: CompletionRow) -> KeptCompletion:
    return KeptCompletion(row.id, row.created_at, row.model, row.metadata_, row.request, row.response)
