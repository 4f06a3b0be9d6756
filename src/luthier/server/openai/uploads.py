"""`/v1/uploads`: begin a file that comes in parts, send them, make one file of them, or give up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from luthier.server.auth import require_role
from luthier.server.openai.files import write_file
from luthier.server.openai.receiving import describe_form, draft_file, receive_file
from luthier.server.openai.schema.files import CompleteUpload, CreateUpload, Upload, UploadPart
from luthier.server.services import Services, get_services
from luthier.store.user_files.uploads import add_part, cancel_upload, check_pending, complete_upload, create_upload
from luthier.store.user_files.user_file import LARGEST_PART, UploadDraft

if TYPE_CHECKING:
    from luthier.store.user_files import user_file

router = APIRouter(prefix="/v1", tags=["uploads"], dependencies=[Depends(require_role("member"))])

Server = Annotated[Services, Depends(get_services)]

FORM = describe_form("data", {})


@router.post("/uploads")
def begin_upload(body: CreateUpload, services: Server) -> Upload:
    file = draft_file(body.filename, body.purpose, body.expires_after)
    return write_upload(create_upload(services.home.database, UploadDraft(file, body.bytes, body.mime_type)))


@router.post("/uploads/{upload_id}/parts", openapi_extra=FORM)
async def send_part(upload_id: str, request: Request, services: Server) -> UploadPart:
    home = services.home
    # Before the body is read, so that nobody sends 64 MiB for nothing.
    await run_in_threadpool(check_pending, home.database, upload_id)
    async with receive_file(request, home, field="data", largest_bytes=LARGEST_PART) as received:
        part = await run_in_threadpool(add_part, home, upload_id, received.incoming)
    return UploadPart(id=part.id, created_at=int(part.created_at.timestamp()), upload_id=part.upload_id)


@router.post("/uploads/{upload_id}/complete")
def finish_upload(upload_id: str, body: CompleteUpload, services: Server) -> Upload:
    return write_upload(complete_upload(services.home, upload_id, body.part_ids, md5=body.md5))


@router.post("/uploads/{upload_id}/cancel")
def give_up_upload(upload_id: str, services: Server) -> Upload:
    return write_upload(cancel_upload(services.home, upload_id))


def write_upload(upload: user_file.Upload) -> Upload:
    return Upload(
        id=upload.id,
        bytes=upload.size_bytes,
        created_at=int(upload.created_at.timestamp()),
        expires_at=int(upload.expires_at.timestamp()),
        filename=upload.filename,
        purpose=upload.purpose,
        status=upload.status,
        file=write_file(upload.file) if upload.file is not None else None,
    )
