"""The bodies and answers of the endpoints for files and for uploads in parts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from luthier.server.openai.schema.body import Body, Text
from luthier.store.user_files.user_file import LARGEST_UPLOAD, Purpose

SHORTEST_LIFETIME, LONGEST_LIFETIME = 3600, 2_592_000  # one hour and 30 days, in seconds

ShownPurpose = Literal[
    "assistants",
    "assistants_output",
    "batch",
    "batch_output",
    "fine-tune",
    "fine-tune-results",
    "vision",
    "user_data",
]
"""What the official clients know as the purpose of a file; `evals` is none of it, though it may be sent."""

FileStatus = Literal["uploaded", "processed", "error"]


def is_none(value: object) -> bool:
    return value is None


class ExpiresAfter(Body):
    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=SHORTEST_LIFETIME, le=LONGEST_LIFETIME)]


class FileFields(Body):
    """The fields of the form beside the file itself; their values are texts."""

    purpose: Purpose
    expires_after: ExpiresAfter | None = None


class CreateUpload(Body):
    bytes: Annotated[int, Field(ge=1, le=LARGEST_UPLOAD)]
    filename: Annotated[Text, Field(min_length=1)]
    mime_type: Text
    purpose: Purpose
    expires_after: ExpiresAfter | None = None


class CompleteUpload(Body):
    part_ids: list[Text]
    md5: Text | None = None


class File(BaseModel):
    """Times are seconds since 1970."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: ShownPurpose
    status: FileStatus
    # The npm client knows these two as a number and a text, or not at all.
    expires_at: Annotated[int | None, Field(exclude_if=is_none)] = None
    status_details: Annotated[str | None, Field(exclude_if=is_none)] = None


class FileList(BaseModel):
    object: Literal["list"] = "list"
    data: list[File]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedFile(BaseModel):
    id: str
    object: Literal["file"] = "file"
    deleted: bool = True


class Upload(BaseModel):
    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: File | None


class UploadPart(BaseModel):
    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str
