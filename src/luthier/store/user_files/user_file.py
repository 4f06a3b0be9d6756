"""Rows of the database become what the other rooms know of a file, an upload and its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

if TYPE_CHECKING:
    from datetime import datetime

    from luthier.store.tables import FileRow, UploadRow

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
"""What a file may be uploaded for."""

UploadStatus = Literal["pending", "completed", "cancelled", "expired"]

MEBIBYTE = 1 << 20
LARGEST_FILE = 512 * MEBIBYTE
LARGEST_PART = 64 * MEBIBYTE
LARGEST_UPLOAD = 8192 * MEBIBYTE

LONGEST_NAME = 255  # characters, as file systems have it


@dataclass(frozen=True, slots=True)
class UserFile:
    """`digest` is the SHA-256 of its content; `expires_at` is None for a file that stays until it is deleted."""

    id: str
    filename: str
    purpose: str
    size_bytes: int
    digest: str
    status: str
    status_details: str | None
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that comes in parts until `expires_at`; `file` is what became of it."""

    id: str
    filename: str
    purpose: str
    size_bytes: int
    status: UploadStatus
    created_at: datetime
    expires_at: datetime
    file: UserFile | None


class UploadPart(NamedTuple):
    id: str
    upload_id: str
    created_at: datetime


class FileDraft(NamedTuple):
    """`lifetime_seconds` is None for a file that stays until it is deleted."""

    filename: str
    purpose: str
    lifetime_seconds: int | None = None


class UploadDraft(NamedTuple):
    file: FileDraft
    size_bytes: int
    mime_type: str


def describe_file(row: FileRow) -> UserFile:
    return UserFile(
        id=row.id,
        filename=row.filename,
        purpose=row.purpose,
        size_bytes=row.bytes,
        digest=row.digest,
        status=row.status,
        status_details=row.status_details,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def describe_upload(row: UploadRow, now: datetime, file: UserFile | None = None) -> Upload:
    """An upload has expired the moment its time is over, whether or not that has been written down yet."""
    is_over = row.status == "pending" and row.expires_at <= now
    return Upload(
        id=row.id,
        filename=row.filename,
        purpose=row.purpose,
        size_bytes=row.bytes,
        status="expired" if is_over else cast("UploadStatus", row.status),
        created_at=row.created_at,
        expires_at=row.expires_at,
        file=file,
    )


def clean_filename(name: str) -> str:
    """The name alone, without folders and control characters: it is shown and sent back, and never opened."""
    text = clean_text(re.split(r"[/\\]", name)[-1])
    return text[:LONGEST_NAME] if text.strip(". ") else "upload"


def clean_text(text: str) -> str:
    """What every database can keep: no control characters, no halves of a surrogate pair."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(character for character in whole if character.isprintable() or character == "\u200d")
