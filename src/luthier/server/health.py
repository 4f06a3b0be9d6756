"""Whoever watches the server is told whether it lives, whether it can work, and in numbers what it does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from sqlalchemy import text

from luthier.errors import LuthierError
from luthier.jobs.desk import count_jobs, count_live_workers, count_waiting
from luthier.jobs.progress import list_progress
from luthier.server.auth import require_role
from luthier.server.metrics import Workshop
from luthier.server.services import Check, Services, get_services

if TYPE_CHECKING:
    from luthier.store.home import Home

logger = logging.getLogger(__name__)

router = APIRouter(tags=["Watching"])

State = Literal["ok", "unavailable"]


class Liveness(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`checks` are by name; why one of them fails stands in the log."""

    status: State
    checks: dict[str, State]


@router.get("/healthz")
async def tell_liveness() -> Liveness:
    """Answers as long as this process does; needs no key."""
    return Liveness()


@router.get("/readyz", responses={503: {"model": Readiness}})
def tell_readiness(services: Annotated[Services, Depends(get_services)], response: Response) -> Readiness:
    """200 when everything that work needs is there, else 503; needs no key, and so says no more than names."""
    checks = (Check("database", lambda: _find_database_problem(services.home)), *services.checks)
    problems = {check.name: check.find_problem() for check in checks}
    for name, problem in problems.items():
        if problem is not None:
            logger.warning("not ready: %s: %s", name, problem)
    states: dict[str, State] = {name: "unavailable" if problem else "ok" for name, problem in problems.items()}
    if "unavailable" not in states.values():
        return Readiness(status="ok", checks=states)
    response.status_code, response.headers["Retry-After"] = 503, "1"
    return Readiness(status="unavailable", checks=states)


@router.get("/metrics", dependencies=[Depends(require_role("member"))], response_class=Response)
def tell_metrics(services: Annotated[Services, Depends(get_services)]) -> Response:
    """For Prometheus, which sends a key as `authorization: credentials` in its scrape configuration says."""
    numbers = services.metrics.render(_look_into_workshop(services.home))
    return Response(numbers, media_type="text/plain; version=0.0.4; charset=utf-8")


def _find_database_problem(home: Home) -> str | None:
    try:
        with home.database.reading() as session:
            session.execute(text("SELECT 1"))
    except LuthierError as error:
        return error.message
    return None


def _look_into_workshop(home: Home) -> Workshop | None:
    """None while the database does not answer: the numbers of this process are there all the same."""
    db = home.database
    try:
        return Workshop(
            jobs=count_jobs(db),
            waiting_jobs=count_waiting(db),
            workers=count_live_workers(db, within_seconds=home.settings.job_lease_seconds),
            running=list_progress(db),
        )
    except LuthierError as error:
        logger.warning("metrics without jobs: %s", error.message)
        return None
