"""Stored files by their id: kept, described, listed, opened, deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from luthier.errors import UnknownFile, WrongState
from luthier.store.eval_runs import UNFINISHED
from luthier.store.ids import is_id, new_id
from luthier.store.paging import Page, Span, read_page
from luthier.store.tables import EvalRunRow, FileRow, JobRow
from luthier.store.user_files.contents import FILE_PREFIX, Contents
from luthier.store.user_files.user_file import FileDraft, UserFile, clean_filename, clean_text, describe_file

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import InstrumentedAttribute, Session

    from luthier.store.database import Database
    from luthier.store.home import Home
    from luthier.store.user_files.incoming import Incoming

ARRIVING = "uploaded"
"""The row stands and its content may not: only such rows are ever without content, and nobody is shown them."""

COMPLETE = "processed"


def keep_file(home: Home, content: bytes, *, filename: str, purpose: str, file_id: str | None = None) -> UserFile:
    """Keeps a file that is made here; one of the same `file_id` is replaced, so that a repeat makes no second one."""
    with Contents(home).receive(len(content)) as incoming:
        incoming.write(content)
        return keep_received(home, incoming, FileDraft(filename, purpose), file_id=file_id)


def keep_received(home: Home, incoming: Incoming, draft: FileDraft, *, file_id: str | None = None) -> UserFile:
    """Returns when row and content would survive a power cut. Raises DiskFull, and then nothing is kept."""
    db = home.database
    with db.session() as session:
        id = add_file(session, incoming, draft, now=db.clock(), file_id=file_id).id
    Contents(home).keep(incoming, id)
    with db.session() as session:
        return complete_file(session, id)


def get_file(db: Database, file_id: str) -> UserFile:
    """Raises UnknownFile, also for a file whose time is over."""
    with db.reading() as session:
        row = session.scalar(_known(db.clock()).where(FileRow.id == _check_id(file_id)))
        if row is None:
            raise _unknown(file_id)
        return describe_file(row)


def list_files(
    db: Database, *, purpose: str | None, limit: int, after: str | None, is_descending: bool = True
) -> Page[UserFile]:
    """In the order in which they came; `after` may have been deleted meanwhile. Raises UnknownFile for no id at all."""
    query = _known(db.clock())
    if purpose is not None:
        query = query.where(FileRow.purpose == clean_text(purpose))
    span = Span(limit, FileRow(id=_check_id(after)) if after is not None else None, is_descending=is_descending)
    with db.reading() as session:
        rows, has_more = read_page(session, query, [FileRow.id], span)
        return Page([describe_file(row) for row in rows], has_more)


def find_content_path(home: Home, file_id: str) -> Path:
    """A file on this machine with the content, compared with its SHA-256.

    Finds a file whose time is over too, as long as it is there: a job that has begun with it needs it to the end.
    Raises UnknownFile, and StoreDamaged for a content that is missing or has changed.
    """
    with home.database.reading() as session:
        row = session.get(FileRow, _check_id(file_id))
    if row is None or row.status != COMPLETE:
        raise _unknown(file_id)
    return Contents(home).find_path(row.id, row.digest)


def open_content(home: Home, file_id: str) -> BinaryIO:
    """To be closed. Raises UnknownFile, and StoreDamaged when the content is missing."""
    return Contents(home).open(get_file(home.database, file_id).id)


def delete_file(home: Home, file_id: str) -> None:
    """Raises UnknownFile, and WrongState while an unfinished job or eval run would still read the file."""
    db = home.database
    with db.session() as session:
        row = session.scalar(_known(db.clock()).where(FileRow.id == _check_id(file_id)))
        if row is None:
            raise _unknown(file_id)
        job_id = session.scalar(select(JobRow.id).where(JobRow.finished_at.is_(None), reads(row.id)).limit(1))
        if job_id is not None:
            message = f"file {file_id!r} is in use by fine-tuning job {job_id!r}"
            raise WrongState(message, hint="cancel the job, or delete the file when it has ended")
        is_unread = EvalRunRow.status.in_(UNFINISHED), ~EvalRunRow.is_prepared
        run_id = session.scalar(select(EvalRunRow.id).where(EvalRunRow.file_id == row.id, *is_unread).limit(1))
        if run_id is not None:
            message = f"file {file_id!r} is about to be read by eval run {run_id!r}"
            raise WrongState(message, hint="cancel the run, or delete the file when it has begun")
        session.delete(row)
    Contents(home).remove(file_id)


def add_file(
    session: Session, incoming: Incoming, draft: FileDraft, *, now: datetime, file_id: str | None = None
) -> FileRow:
    """Says which file is about to come; it is hidden until `complete_file`."""
    lifetime = draft.lifetime_seconds
    row = FileRow(
        id=file_id or new_id(FILE_PREFIX, now),
        filename=clean_filename(draft.filename),
        purpose=draft.purpose,
        bytes=incoming.size_bytes,
        digest=incoming.digest,
        status=ARRIVING,
        status_details=None,
        created_at=now,
        expires_at=now + timedelta(seconds=lifetime) if lifetime is not None else None,
    )
    return session.merge(row)


def complete_file(session: Session, id: str) -> UserFile:
    """Shows a file whose content stands in its place. Raises UnknownFile when that took longer than a day."""
    row = session.get(FileRow, id)
    if row is None:
        raise _unknown(id)
    row.status = COMPLETE
    session.flush()
    return describe_file(row)


def reads(file_id: str | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Of a job: it learns from that file, or is judged by it."""
    return or_(JobRow.training_file == file_id, JobRow.validation_file == file_id)


def _known(now: datetime) -> Select[FileRow]:
    is_alive = or_(FileRow.expires_at.is_(None), FileRow.expires_at > now)
    return select(FileRow).where(FileRow.status == COMPLETE, is_alive)


def _check_id(file_id: str) -> str:
    if not is_id(file_id, FILE_PREFIX):
        raise _unknown(file_id)
    return file_id


def _unknown(file_id: str) -> UnknownFile:
    return UnknownFile(f"No such File object: {file_id}")
