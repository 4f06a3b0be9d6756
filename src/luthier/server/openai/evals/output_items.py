"""Routes under /v1/evals/{eval_id}/runs/{run_id}: what came of each item, and all of it on a page for people."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from fastapi.responses import HTMLResponse, Response

from luthier.server.auth import require_role
from luthier.server.openai.evals.evals import EvalId, Given, Order
from luthier.server.openai.evals.objects import describe_item
from luthier.server.openai.evals.page import PAGE_HEADERS, render_run
from luthier.server.openai.evals.runs import RunId
from luthier.server.openai.schema.body import Text
from luthier.server.openai.schema.eval_objects import OutputItem
from luthier.server.openai.schema.page import After, CursorListing, Limit
from luthier.store import eval_runs, evals

router = APIRouter(
    prefix="/v1/evals/{eval_id}/runs/{run_id}", tags=["evals"], dependencies=[Depends(require_role("member"))]
)

PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}}
}

ItemId = Annotated[Text, Path()]


def read_item_query(
    after: After = None, limit: Limit = 20, order: Order = "asc", status: eval_runs.ItemStatus | None = None
) -> eval_runs.ItemQuery:
    """OpenAI has no `error` here."""
    return eval_runs.ItemQuery(limit, after, order == "desc", status)


@router.get("/output_items")
def list_output_items(
    eval_id: EvalId, run_id: RunId, services: Given, query: Annotated[eval_runs.ItemQuery, Depends(read_item_query)]
) -> CursorListing[OutputItem]:
    """Those that are done, the first that was done first, unless told otherwise."""
    page = eval_runs.list_items(services.home.database, eval_id, run_id, query)
    return CursorListing.of([describe_item(item, eval_id) for item in page.items], page.has_more)


@router.get("/output_items/{output_item_id}")
def retrieve_output_item(eval_id: EvalId, run_id: RunId, output_item_id: ItemId, services: Given) -> OutputItem:
    return describe_item(eval_runs.get_item(services.home.database, eval_id, run_id, output_item_id), eval_id)


@router.get("/report", response_model=None, responses=PAGE)
def show_report(eval_id: EvalId, run_id: RunId, services: Given) -> Response:
    """The page behind `report_url`. Not of OpenAI's."""
    eval = evals.get_eval(services.home.database, eval_id)
    run = eval_runs.get_run(services.home.database, eval_id, run_id)
    return HTMLResponse(render_run(services.home.database, eval, run), headers=PAGE_HEADERS)
