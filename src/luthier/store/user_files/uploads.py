"""Parts of a file, which come one by one and in any order, become one stored file."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from luthier.errors import InvalidRequest, StoreDamaged, UnknownFile, WrongState
from luthier.store.ids import is_id, new_id
from luthier.store.tables import FileRow, UploadPartRow, UploadRow
from luthier.store.user_files.contents import BLOCK_BYTES, PART_PREFIX, UPLOAD_PREFIX, Contents
from luthier.store.user_files.shelf import add_file, complete_file
from luthier.store.user_files.user_file import (
    LARGEST_UPLOAD,
    FileDraft,
    Upload,
    UploadPart,
    clean_filename,
    clean_text,
    describe_file,
    describe_upload,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from luthier.store.database import Database
    from luthier.store.home import Home
    from luthier.store.user_files.incoming import Incoming
    from luthier.store.user_files.user_file import UploadDraft

LIFETIME = timedelta(hours=1)
MOST_PARTS_BYTES = 2 * LARGEST_UPLOAD
"""All parts of an upload together: a part that comes twice after a lost connection must not end it."""


def create_upload(db: Database, draft: UploadDraft) -> Upload:
    now = db.clock()
    row = UploadRow(
        id=new_id(UPLOAD_PREFIX, now),
        filename=clean_filename(draft.file.filename),
        purpose=draft.file.purpose,
        bytes=draft.size_bytes,
        mime_type=clean_text(draft.mime_type),
        status="pending",
        file_id=None,
        file_lifetime_seconds=draft.file.lifetime_seconds,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    with db.session() as session:
        session.add(row)
    return describe_upload(row, now)


def check_pending(db: Database, upload_id: str) -> None:
    """Raises UnknownFile, and WrongState for an upload that takes no parts any more."""
    with db.session() as session:
        _find_pending(session, db, upload_id)


def add_part(home: Home, upload_id: str, incoming: Incoming) -> UploadPart:
    """Raises as `check_pending` does, and InvalidRequest for more bytes than any upload may hold."""
    db = home.database
    with db.session() as session:
        upload = _find_pending(session, db, upload_id)
        before = session.scalar(select(func.sum(UploadPartRow.bytes)).where(UploadPartRow.upload_id == upload.id)) or 0
        if before + incoming.size_bytes > MOST_PARTS_BYTES:
            raise InvalidRequest(f"upload {upload_id!r} holds too many bytes", hint="complete or cancel it")
        now = db.clock()
        part = UploadPartRow(
            id=new_id(PART_PREFIX, now),
            upload_id=upload.id,
            digest=incoming.digest,
            bytes=incoming.size_bytes,
            created_at=now,
        )
        session.add(part)
    Contents(home).keep(incoming, part.id)
    return UploadPart(part.id, upload_id, part.created_at)


def complete_upload(home: Home, upload_id: str, part_ids: Sequence[str], *, md5: str | None = None) -> Upload:
    """Joins the parts in that order. A repeat gives the same file again, so that a lost answer can be asked for twice.

    Raises UnknownFile, WrongState, and InvalidRequest when parts, length or checksum are not those of the upload,
    which can then still be completed otherwise.
    """
    db = home.database
    with db.session() as session:
        upload = _find(session, upload_id)
        if upload.status != "completed":
            _find_pending(session, db, upload_id)
        parts = _find_parts(session, upload, part_ids)
        if upload.status == "completed":
            return _describe(session, db, upload)
    _check_length(upload, parts)
    try:
        with Contents(home).receive(upload.bytes) as incoming:
            _join(Contents(home), parts, incoming, md5=md5)
            return _keep(home, upload, incoming)
    except StoreDamaged:
        # Whoever has completed or cancelled it meanwhile has removed the parts.
        return _find_completed(db, upload_id)


def cancel_upload(home: Home, upload_id: str) -> Upload:
    """Its parts are removed. A repeat changes nothing. Raises UnknownFile, and WrongState for one that has ended."""
    db = home.database
    with db.session() as session:
        upload = _find(session, upload_id)
        if upload.status != "cancelled":
            upload = _find_pending(session, db, upload_id)
            upload.status = "cancelled"
        parts = _list_parts(session, upload)
        session.execute(delete(UploadPartRow).where(UploadPartRow.upload_id == upload.id))
    for part in parts:
        Contents(home).remove(part)
    return describe_upload(upload, db.clock())


def _keep(home: Home, upload: UploadRow, incoming: Incoming) -> Upload:
    """The joined content becomes a file, unless the same upload has been completed or cancelled meanwhile."""
    db = home.database
    draft = FileDraft(upload.filename, upload.purpose, upload.file_lifetime_seconds)
    with db.session() as session:
        file_id = add_file(session, incoming, draft, now=db.clock()).id
    Contents(home).keep(incoming, file_id)
    with db.session() as session:
        upload = _find(session, upload.id)
        is_mine = upload.status == "pending"
        if is_mine:
            upload.status, upload.file_id = "completed", file_id
            complete_file(session, file_id)
        else:
            session.delete(session.get_one(FileRow, file_id))
        parts = _list_parts(session, upload)
    for content in parts if is_mine else [file_id]:
        Contents(home).remove(content)
    return _find_completed(db, upload.id)


def _join(contents: Contents, parts: Sequence[UploadPartRow], incoming: Incoming, *, md5: str | None) -> None:
    checksum = hashlib.md5(usedforsecurity=False)
    for part in parts:
        with contents.open(part.id) as content:
            while block := content.read(BLOCK_BYTES):
                incoming.write(block)
                if md5 is not None:
                    checksum.update(block)
    if md5 is not None and md5.lower() != checksum.hexdigest():
        message = f"the md5 checksum of the parts is {checksum.hexdigest()}, not {md5}"
        raise InvalidRequest(message, hint="name the parts in their order, or send them again")


def _check_length(upload: UploadRow, parts: Sequence[UploadPartRow]) -> None:
    total = sum(part.bytes for part in parts)
    if total != upload.bytes:
        message = f"the parts hold {total} bytes together, and upload {upload.id!r} was announced with {upload.bytes}"
        raise InvalidRequest(message, hint="name all parts once, in their order")


def _find_parts(session: Session, upload: UploadRow, part_ids: Sequence[str]) -> list[UploadPartRow]:
    """In the order of the ids."""
    rows = session.scalars(select(UploadPartRow).where(UploadPartRow.upload_id == upload.id))
    known = {row.id: row for row in rows}
    if missing := [id for id in part_ids if id not in known]:
        raise InvalidRequest(
            f"upload {upload.id!r} has no part {missing[0]!r}", hint="name the ids that parts came with"
        )
    if len(set(part_ids)) < len(part_ids):
        raise InvalidRequest("a part is named twice", hint="name each part once")
    return [known[id] for id in part_ids]


def _list_parts(session: Session, upload: UploadRow) -> list[str]:
    """The ids of all parts that have come, used or not."""
    return list(session.scalars(select(UploadPartRow.id).where(UploadPartRow.upload_id == upload.id)))


def _find(session: Session, upload_id: str) -> UploadRow:
    """The row is held against other writers to the end of the transaction."""
    row = session.get(UploadRow, upload_id, with_for_update=True) if is_id(upload_id, UPLOAD_PREFIX) else None
    if row is None:
        raise UnknownFile(f"No such Upload object: {upload_id}")
    return row


def _find_pending(session: Session, db: Database, upload_id: str) -> UploadRow:
    row = _find(session, upload_id)
    if describe_upload(row, db.clock()).status != "pending":
        raise _ended(row)
    return row


def _find_completed(db: Database, upload_id: str) -> Upload:
    """Raises StoreDamaged for one that is pending, though its parts are missing."""
    with db.session() as session:
        row = _find(session, upload_id)
        if row.status == "pending":
            raise StoreDamaged(f"upload {upload_id!r}: parts are missing", hint="begin a new upload")
        if row.status != "completed":
            raise _ended(row)
        return _describe(session, db, row)


def _ended(row: UploadRow) -> WrongState:
    state = "expired" if row.status == "pending" else row.status
    return WrongState(f"upload {row.id!r} is {state}", hint="begin a new upload")


def _describe(session: Session, db: Database, upload: UploadRow) -> Upload:
    """With its file, unless that has been deleted since."""
    row = session.get(FileRow, upload.file_id)
    return describe_upload(upload, db.clock(), describe_file(row) if row is not None else None)
