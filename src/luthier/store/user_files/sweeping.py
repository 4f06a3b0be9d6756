"""What nobody may ask for any more is removed: files and uploads whose time is over, and what killed processes left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, delete, or_, select, update

from luthier.store.tables import FileRow, JobRow, UploadPartRow, UploadRow
from luthier.store.user_files.contents import Contents
from luthier.store.user_files.shelf import ARRIVING, COMPLETE, reads

if TYPE_CHECKING:
    from luthier.store.database import Database
    from luthier.store.home import Home

LONGEST_ARRIVAL = timedelta(days=1)  # a large file takes its time on the way to an object store
LONGEST_COMPLETION = timedelta(hours=1)  # an upload that is completed in its last second still reads its parts
REMEMBERED = timedelta(days=1)  # an upload that has ended is known for so long


class Swept(NamedTuple):
    """How many there were; `contents` are those that no file or part owns (any more)."""

    files: int
    uploads: int
    contents: int
    half_received: int


def sweep_files(home: Home) -> Swept:
    """Any process may do this at any time. A file that an unfinished job reads stays until the job has ended."""
    contents = Contents(home)
    half_received = contents.clear_incoming()
    # In this order a content that is just arriving is seen only if its row is: the row is written before it.
    kept = contents.list_kept()
    files, uploads = _forget_files(home.database), _forget_uploads(home.database)
    ownerless = sorted(set(kept) - _list_owners(home.database))
    for id in ownerless:
        contents.remove(id)
    return Swept(files, uploads, len(ownerless), half_received)


def _forget_files(db: Database) -> int:
    now = db.clock()
    is_over = or_(
        and_(FileRow.status == COMPLETE, FileRow.expires_at <= now),
        and_(FileRow.status == ARRIVING, FileRow.created_at < now - LONGEST_ARRIVAL),
    )
    is_needed = select(JobRow.id).where(JobRow.finished_at.is_(None), reads(FileRow.id)).exists()
    with db.session() as session:
        return len(session.execute(delete(FileRow).where(is_over, ~is_needed).returning(FileRow.id)).all())


def _forget_uploads(db: Database) -> int:
    """Parts go when an upload can no longer be at work with them, its own row some time later."""
    now = db.clock()
    is_over = UploadRow.expires_at <= now - LONGEST_COMPLETION
    with db.session() as session:
        expire = update(UploadRow).where(is_over, UploadRow.status == "pending").values(status="expired")
        expired = len(session.execute(expire.returning(UploadRow.id)).all())
        over = select(UploadRow.id).where(is_over)
        session.execute(delete(UploadPartRow).where(UploadPartRow.upload_id.in_(over)))
        session.execute(delete(UploadRow).where(UploadRow.expires_at <= now - REMEMBERED))
        return expired


def _list_owners(db: Database) -> set[str]:
    with db.reading() as session:
        return {*session.scalars(select(FileRow.id)), *session.scalars(select(UploadPartRow.id))}
