"""Routes under /v1/evals/{eval_id}/runs: runs are made, watched, canceled and deleted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.concurrency import run_in_threadpool

from luthier.jobs.evals import desk
from luthier.server.auth import Caller, require_role
from luthier.server.openai.evals.drafts import Maker, draft_run
from luthier.server.openai.evals.evals import EvalId, Given, Order
from luthier.server.openai.evals.objects import describe_run
from luthier.server.openai.fine_tuning import read_retry_count
from luthier.server.openai.schema.body import Text
from luthier.server.openai.schema.eval_objects import DeletedRun, EvalRun
from luthier.server.openai.schema.evals import EvalRunRequest
from luthier.server.openai.schema.page import After, CursorListing, Limit
from luthier.server.services import Services
from luthier.store import eval_runs, evals

router = APIRouter(prefix="/v1/evals", tags=["evals"], dependencies=[Depends(require_role("member"))])

RunId = Annotated[Text, Path()]
Member = Annotated[Caller, Depends(require_role("member"))]


def read_address(request: Request) -> str:
    """As the client calls this server."""
    return str(request.base_url).rstrip("/")


Address = Annotated[str, Depends(read_address)]


def read_maker(caller: Member, retries: Annotated[int, Depends(read_retry_count)]) -> Maker:
    return Maker(caller.key_id, retries)


def read_run_query(
    after: After = None, limit: Limit = 20, order: Order = "asc", status: eval_runs.RunStatus | None = None
) -> eval_runs.RunQuery:
    return eval_runs.RunQuery(limit, after, order == "desc", status)


@router.post("/{eval_id}/runs", status_code=201)
def create_run(
    eval_id: EvalId,
    body: EvalRunRequest,
    services: Given,
    address: Address,
    maker: Annotated[Maker, Depends(read_maker)],
) -> EvalRun:
    """What an SDK sends again because it heard no answer gives the first run once more."""
    database = services.home.database
    eval = evals.get_eval(database, eval_id)
    run = desk.create_run(database, draft_run(services.home, eval, body, maker), retry_count=maker.retries)
    services.runs_changed.set()
    return describe_run(eval, run, address=address)


@router.get("/{eval_id}/runs")
def list_runs(
    eval_id: EvalId,
    services: Given,
    address: Address,
    query: Annotated[eval_runs.RunQuery, Depends(read_run_query)],
) -> CursorListing[EvalRun]:
    """The earliest first, unless told otherwise."""
    eval = evals.get_eval(services.home.database, eval_id)
    page = eval_runs.list_runs(services.home.database, eval_id, query)
    return CursorListing.of([describe_run(eval, run, address=address) for run in page.items], page.has_more)


@router.get("/{eval_id}/runs/{run_id}")
async def retrieve_run(eval_id: EvalId, run_id: RunId, services: Given, address: Address) -> EvalRun:
    eval = await run_in_threadpool(evals.get_eval, services.home.database, eval_id)
    run = await run_in_threadpool(eval_runs.get_run, services.home.database, eval_id, run_id)
    return describe_run(eval, run, address=address)


@router.post("/{eval_id}/runs/{run_id}/cancel")
def cancel_run(eval_id: EvalId, run_id: RunId, services: Given, address: Address) -> EvalRun:
    return _cancel(eval_id, run_id, services, address)


@router.post("/{eval_id}/runs/{run_id}")
def cancel_run_as_before(eval_id: EvalId, run_id: RunId, services: Given, address: Address) -> EvalRun:
    """As `cancel`, in the words of OpenAI's specification and of older clients."""
    return _cancel(eval_id, run_id, services, address)


@router.delete("/{eval_id}/runs/{run_id}")
def delete_run(eval_id: EvalId, run_id: RunId, services: Given) -> DeletedRun:
    """With what came of its items."""
    eval_runs.delete_run(services.home.database, eval_id, run_id)
    services.runs_changed.set()
    return DeletedRun(run_id=run_id)


def _cancel(eval_id: str, run_id: str, services: Services, address: str) -> EvalRun:
    eval = evals.get_eval(services.home.database, eval_id)
    run = desk.cancel_run(services.home.database, eval_id, run_id)
    services.runs_changed.set()
    return describe_run(eval, run, address=address)
