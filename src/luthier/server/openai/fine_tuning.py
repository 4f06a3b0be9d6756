"""Routes under /v1/fine_tuning/jobs: jobs are made, watched, and told to stop, wait or go on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path
from starlette.concurrency import run_in_threadpool

from luthier.jobs import desk
from luthier.jobs.ordering import require_rows
from luthier.models.public_names import PublicNames
from luthier.server.auth import Caller, require_role
from luthier.server.openai.job_objects import describe_checkpoint, describe_event, describe_job, draft_job
from luthier.server.openai.metadata_filter import METADATA_PARAMETER, read_metadata_filter
from luthier.server.openai.schema.body import Text
from luthier.server.openai.schema.fine_tuning import JobRequest
from luthier.server.openai.schema.fine_tuning_objects import FineTuningJob, FineTuningJobCheckpoint, FineTuningJobEvent
from luthier.server.openai.schema.page import After, CursorListing, Limit, Listing
from luthier.server.problems import concerning
from luthier.server.services import Services, get_services

Given = Annotated[Services, Depends(get_services)]
JobId = Annotated[Text, Path()]
Member = Annotated[Caller, Depends(require_role("member"))]

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["fine_tuning"], dependencies=[Depends(require_role("member"))])


def read_retry_count(x_stainless_retry_count: Annotated[str, Header()] = "0") -> int:
    """How often the SDK has sent this request before; any nonsense counts as 0."""
    return int(x_stainless_retry_count) if re.fullmatch("[0-9]{1,4}", x_stainless_retry_count) else 0


@router.post("")
def create_job(
    body: JobRequest, services: Given, caller: Member, retries: Annotated[int, Depends(read_retry_count)]
) -> FineTuningJob:
    """What an SDK sends again because it heard no answer gives the first job once more."""
    home = services.home
    with concerning("model"):
        model = PublicNames(home).resolve(body.model)
    for name, file_id in body.files.items():
        with concerning(name):
            require_rows(home.database, name, file_id)
    job = desk.create_job(home.database, draft_job(body, model, created_by=caller.key_id), retry_count=retries)
    return describe_job(job, home.settings.organization)


@router.get("", openapi_extra={"parameters": [METADATA_PARAMETER]})
def list_jobs(
    services: Given,
    metadata: Annotated[Mapping[str, str] | desk.Anything | None, Depends(read_metadata_filter)],
    after: After = None,
    limit: Limit = 20,
) -> Listing[FineTuningJob]:
    """The latest first."""
    page = desk.list_jobs(services.home.database, after=after, limit=limit, metadata=metadata)
    organization = services.home.settings.organization
    return Listing(data=[describe_job(job, organization) for job in page.items], has_more=page.has_more)


# Clients ask these two again and again while they wait. A plain function would be given a thread twice: for itself, and
# for the check of its answer, which costs as much as the database.


@router.get("/{job_id}")
async def retrieve_job(job_id: JobId, services: Given) -> FineTuningJob:
    job = await run_in_threadpool(desk.get_job, services.home.database, job_id)
    return describe_job(job, services.home.settings.organization)


@router.get("/{job_id}/events")
async def list_events(
    job_id: JobId, services: Given, after: After = None, limit: Limit = 20
) -> Listing[FineTuningJobEvent]:
    """The latest first."""
    page = await run_in_threadpool(desk.list_events, services.home.database, job_id, after=after, limit=limit)
    return Listing(data=[describe_event(event) for event in page.items], has_more=page.has_more)


@router.post("/{job_id}/cancel")
def cancel_job(job_id: JobId, services: Given) -> FineTuningJob:
    job = desk.cancel_job(services.home.database, job_id)
    return describe_job(job, services.home.settings.organization)


@router.post("/{job_id}/pause")
def pause_job(job_id: JobId, services: Given) -> FineTuningJob:
    job = desk.pause_job(services.home.database, job_id)
    return describe_job(job, services.home.settings.organization)


@router.post("/{job_id}/resume")
def resume_job(job_id: JobId, services: Given) -> FineTuningJob:
    job = desk.resume_job(services.home.database, job_id)
    return describe_job(job, services.home.settings.organization)


@router.get("/{job_id}/checkpoints")
def list_checkpoints(
    job_id: JobId, services: Given, after: After = None, limit: Limit = 10
) -> CursorListing[FineTuningJobCheckpoint]:
    """The highest step first."""
    page = desk.list_checkpoints(services.home.database, job_id, after=after, limit=limit)
    return CursorListing.of([describe_checkpoint(checkpoint) for checkpoint in page.items], page.has_more)
