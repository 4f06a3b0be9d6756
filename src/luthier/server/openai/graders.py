"""`POST /v1/fine_tuning/alpha/graders/run` and `validate`: a grader is tried on one answer, or only looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends

from luthier.pipeline.grading import build_grading_tools, run_grader, validate_grader
from luthier.server.auth import require_role
from luthier.server.openai.schema.graders import (
    GraderRunRequest,
    GraderRunResponse,
    GraderValidateRequest,
    GraderValidateResponse,
    write_run,
)
from luthier.server.problems import concerning
from luthier.server.services import Services, get_services

if TYPE_CHECKING:
    from luthier.evaluation.graders.openai.grading import Tools

router = APIRouter(
    prefix="/v1/fine_tuning/alpha/graders", tags=["graders"], dependencies=[Depends(require_role("member"))]
)

Given = Annotated[Services, Depends(get_services)]


@router.post("/run")
async def run_one_grader(body: GraderRunRequest, services: Given) -> GraderRunResponse:
    with concerning("grader"):
        graded = await services.gradings.run(
            run_grader, body.grader, body.model_sample, item=body.item or {}, tools=_build_tools(services)
        )
    return write_run(graded)


@router.post("/validate")
async def validate_one_grader(body: GraderValidateRequest, services: Given) -> GraderValidateResponse:
    with concerning("grader"):
        await services.gradings.run(validate_grader, body.grader, tools=_build_tools(services))
    return GraderValidateResponse(grader=body.grader)


def _build_tools(services: Services) -> Tools:
    return build_grading_tools(services.home, services.engine, embed=services.embed, sandbox=services.gradings.sandbox)
