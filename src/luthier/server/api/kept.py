"""What the home folder keeps, over HTTP: models, runs, and all that is known of one name."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends

from luthier import pipeline
from luthier.server.auth import require_role
from luthier.server.services import Services, get_services

if TYPE_CHECKING:
    from luthier.store.catalog import ModelRecord, RunRecord

router = APIRouter(prefix="/api", tags=["Kept"], dependencies=[Depends(require_role("member"))])

Given = Annotated[Services, Depends(get_services)]


@router.get("/models")
def list_models(services: Given) -> dict[str, Any]:
    """As `luthier models` lists them on the server's machine, the latest first, and the bases."""
    models = [_describe(record) for record in pipeline.list_models(home=services.home)]
    return {"models": models, "bases": pipeline.list_bases(home=services.home)}


@router.get("/runs")
def list_runs(services: Given) -> dict[str, Any]:
    """As `luthier runs` lists them, the latest first."""
    return {"runs": [_describe(record) for record in pipeline.list_runs(home=services.home)]}


@router.get("/kept/{name:path}")
def show(name: str, services: Given) -> dict[str, Any]:
    """As `luthier show` shows it: a model, a run or any artefact by name, id or the beginning of a fingerprint."""
    return pipeline.show(name, home=services.home)


def _describe(record: ModelRecord | RunRecord) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(record).items()}
