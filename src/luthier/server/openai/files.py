"""`/v1/files`: upload, list, describe, download and delete files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from luthier.server.auth import require_role
from luthier.server.openai.receiving import describe_form, read_file_draft, receive_file
from luthier.server.openai.schema.files import LONGEST_LIFETIME, SHORTEST_LIFETIME, DeletedFile, File, FileList
from luthier.server.problems import Problem
from luthier.server.services import Services, get_services
from luthier.store.user_files.shelf import delete_file, get_file, keep_received, list_files, open_content
from luthier.store.user_files.user_file import LARGEST_FILE, Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from luthier.server.openai.schema.files import FileStatus, ShownPurpose
    from luthier.store.paging import Page
    from luthier.store.user_files.user_file import UserFile

NOT_DOWNLOADED = frozenset({"assistants", "user_data"})
BLOCK_BYTES = 256 << 10

router = APIRouter(prefix="/v1", tags=["files"], dependencies=[Depends(require_role("member"))])

Server = Annotated[Services, Depends(get_services)]

CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
FORM = describe_form(
    "file",
    {
        "purpose": {"type": "string", "enum": list(get_args(Purpose))},
        "expires_after[anchor]": {"type": "string", "const": "created_at"},
        "expires_after[seconds]": {"type": "integer", "minimum": SHORTEST_LIFETIME, "maximum": LONGEST_LIFETIME},
    },
    required=["purpose"],
)


@router.post("/files", openapi_extra=FORM)
async def create_file(request: Request, services: Server) -> File:
    async with receive_file(request, services.home, field="file", largest_bytes=LARGEST_FILE) as received:
        draft = read_file_draft(received.form)
        return write_file(await run_in_threadpool(keep_received, services.home, received.incoming, draft))


@router.get("/files")
def list_all(
    services: Server,
    purpose: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> FileList:
    db = services.home.database
    page = list_files(db, purpose=purpose or None, limit=limit, after=after or None, is_descending=order == "desc")
    return write_list(page)


@router.get("/files/{file_id}")
async def retrieve_file(file_id: str, services: Server) -> File:
    # A plain function would be given a thread twice: for itself, and for the check of its answer.
    return write_file(await run_in_threadpool(get_file, services.home.database, file_id))


@router.delete("/files/{file_id}")
def remove_file(file_id: str, services: Server) -> DeletedFile:
    delete_file(services.home, file_id)
    return DeletedFile(id=file_id)


@router.get("/files/{file_id}/content", response_class=StreamingResponse, responses=CONTENT)
def download_file(file_id: str, services: Server) -> StreamingResponse:
    file = get_file(services.home.database, file_id)
    if file.purpose in NOT_DOWNLOADED:
        raise Problem(400, f"Not allowed to download files of purpose: {file.purpose}")
    headers = {
        "Content-Length": str(file.size_bytes),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    # Opened before the answer begins, so that a content which is missing can still become an error.
    content = open_content(services.home, file.id)
    return StreamingResponse(read_blocks(content), headers=headers, media_type="application/octet-stream")


def read_blocks(content: BinaryIO) -> Iterator[bytes]:
    with content:
        while block := content.read(BLOCK_BYTES):
            yield block


def write_list(page: Page[UserFile]) -> FileList:
    data = [write_file(file) for file in page.items]
    ends = (data[0].id, data[-1].id) if data else (None, None)
    return FileList(data=data, first_id=ends[0], last_id=ends[1], has_more=page.has_more)


def write_file(file: UserFile) -> File:
    # The clients' types have no purpose `evals` in an answer, though a file may be sent for it.
    purpose = "user_data" if file.purpose == "evals" else file.purpose
    return File(
        id=file.id,
        bytes=file.size_bytes,
        created_at=int(file.created_at.timestamp()),
        filename=file.filename,
        purpose=cast("ShownPurpose", purpose),
        status=cast("FileStatus", file.status),
        status_details=file.status_details,
        expires_at=int(file.expires_at.timestamp()) if file.expires_at is not None else None,
    )
