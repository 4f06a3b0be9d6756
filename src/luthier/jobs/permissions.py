"""Which projects may use a checkpoint: kept and listed as OpenAI does, for clients that ask; no key is bound to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from luthier.errors import UnknownArtefact, UnknownModel
from luthier.store.ids import is_id, new_id
from luthier.store.paging import Page, Span, read_page
from luthier.store.published import find_published
from luthier.store.tables import CheckpointPermissionRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from luthier.store.database import Database

PREFIX = "cp_"


@dataclass(frozen=True, slots=True)
class Permission:
    id: str
    public_name: str
    project_id: str
    created_at: datetime


def grant_permissions(db: Database, public_name: str, project_ids: Sequence[str]) -> list[Permission]:
    """One for each project, in their order; a project that has one already keeps it. Raises UnknownModel."""
    _require_tuned(db, public_name)
    with db.session() as session:
        known = {row.project_id: row for row in session.scalars(_permissions_of(public_name))}
        for project_id in dict.fromkeys(project_ids):
            if project_id not in known:
                now = db.clock()
                known[project_id] = CheckpointPermissionRow(
                    id=new_id(PREFIX, now), public_name=public_name, project_id=project_id, created_at=now
                )
                session.add(known[project_id])
        return [_describe(known[project_id]) for project_id in dict.fromkeys(project_ids)]


def list_permissions(
    db: Database, public_name: str, span: Span[CheckpointPermissionRow], *, project_id: str | None = None
) -> Page[Permission]:
    """`span.after` need not be kept any more, so that whoever deletes can page on. Raises UnknownModel."""
    _require_tuned(db, public_name)
    query = _permissions_of(public_name)
    if project_id is not None:
        query = query.where(CheckpointPermissionRow.project_id == project_id)
    with db.reading() as session:
        page = read_page(session, query, [CheckpointPermissionRow.id], span)
        return Page([_describe(row) for row in page.items], page.has_more)


def revoke_permission(db: Database, public_name: str, permission_id: str) -> None:
    """Raises UnknownModel or UnknownArtefact."""
    _require_tuned(db, public_name)
    with db.session() as session:
        session.delete(_find(session, public_name, permission_id))


def start_after(permission_id: str | None) -> CheckpointPermissionRow | None:
    """For `Span.after`. Raises UnknownArtefact for what cannot be an id."""
    if permission_id is None:
        return None
    if not is_id(permission_id, PREFIX):
        raise _unknown(permission_id)
    return CheckpointPermissionRow(id=permission_id)


def _require_tuned(db: Database, public_name: str) -> None:
    if not public_name.isprintable() or find_published(db, public_name) is None:
        raise UnknownModel(f"The model `{public_name}` does not exist or you do not have access to it.")


def _permissions_of(public_name: str) -> Select[CheckpointPermissionRow]:
    return select(CheckpointPermissionRow).where(CheckpointPermissionRow.public_name == public_name)


def _find(session: Session, public_name: str, permission_id: str) -> CheckpointPermissionRow:
    row = session.get(CheckpointPermissionRow, permission_id) if is_id(permission_id, PREFIX) else None
    if row is None or row.public_name != public_name:
        raise _unknown(permission_id)
    return row


def _unknown(permission_id: str) -> UnknownArtefact:
    return UnknownArtefact(f"No such checkpoint permission: {permission_id}")


def _describe(row: CheckpointPermissionRow) -> Permission:
    return Permission(row.id, row.public_name, row.project_id, row.created_at)
