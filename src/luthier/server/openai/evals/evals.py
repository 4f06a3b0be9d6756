"""Routes under /v1/evals: evals are made, listed, shown, renamed and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Path
from starlette.concurrency import run_in_threadpool

from luthier.pipeline.grading import build_grading_tools
from luthier.server.auth import require_role
from luthier.server.openai.evals.drafts import draft_eval
from luthier.server.openai.evals.objects import describe_eval
from luthier.server.openai.schema.body import Text
from luthier.server.openai.schema.eval_objects import DeletedEval, Eval
from luthier.server.openai.schema.evals import EvalRequest, EvalUpdate
from luthier.server.openai.schema.page import After, CursorListing, Limit
from luthier.server.services import Services, get_services
from luthier.store import evals

if TYPE_CHECKING:
    from luthier.evaluation.graders.openai.grading import Tools

router = APIRouter(prefix="/v1/evals", tags=["evals"], dependencies=[Depends(require_role("member"))])

Given = Annotated[Services, Depends(get_services)]
EvalId = Annotated[Text, Path()]
Order = Literal["asc", "desc"]


@router.post("", status_code=201)
async def create_eval(body: EvalRequest, services: Given) -> Eval:
    """Every criterion is looked at first: its models, its code, and the places that it names."""
    draft = await services.gradings.run(draft_eval, body, build_tools(services))
    return describe_eval(await run_in_threadpool(evals.create_eval, services.home.database, draft))


@router.get("")
def list_evals(
    services: Given,
    after: After = None,
    limit: Limit = 20,
    order: Order = "asc",
    order_by: evals.EvalOrder = "created_at",
) -> CursorListing[Eval]:
    """The earliest first, unless told otherwise."""
    query = evals.EvalQuery(limit, after, order == "desc", order_by)
    page = evals.list_evals(services.home.database, query)
    return CursorListing.of([describe_eval(eval) for eval in page.items], page.has_more)


@router.get("/{eval_id}")
def retrieve_eval(eval_id: EvalId, services: Given) -> Eval:
    return describe_eval(evals.get_eval(services.home.database, eval_id))


@router.post("/{eval_id}")
def update_eval(eval_id: EvalId, body: EvalUpdate, services: Given) -> Eval:
    """What is left out stays; metadata is replaced as a whole, and null removes it."""
    return describe_eval(evals.amend_eval(services.home.database, eval_id, body.changes))


@router.delete("/{eval_id}")
def delete_eval(eval_id: EvalId, services: Given) -> DeletedEval:
    """With all its runs."""
    evals.delete_eval(services.home.database, eval_id)
    services.runs_changed.set()
    return DeletedEval(eval_id=eval_id)


def build_tools(services: Services) -> Tools:
    return build_grading_tools(services.home, services.engine, embed=services.embed, sandbox=services.gradings.sandbox)
