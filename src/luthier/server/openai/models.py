"""Routes under /v1/models: which names clients may use, and the deletion of tuned models."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool

from luthier.models.deletion import delete_public_model
from luthier.models.public_names import PublicName, PublicNames
from luthier.server.auth import require_role
from luthier.server.openai.schema.models import DeletedModel, Model, ModelList
from luthier.server.problems import concerning
from luthier.server.services import Services, get_services

router = APIRouter(prefix="/v1", tags=["models"], dependencies=[Depends(require_role("member"))])

Given = Annotated[Services, Depends(get_services)]


@router.get("/models")
async def list_models(services: Given) -> ModelList:
    # A plain function would be given a thread twice: for itself, and for the check of its answer.
    names = await run_in_threadpool(PublicNames(services.home).list_all)
    return ModelList(data=[_describe(name) for name in names])


@router.get("/models/{model:path}")
def retrieve_model(model: str, services: Given) -> Model:
    """By any name that chats and embeddings may use, also an alias without its date."""
    with concerning("model"):
        return _describe(PublicNames(services.home).resolve_any(model)._replace(id=model))


@router.delete("/models/{model:path}", dependencies=[Depends(require_role("admin"))])
def delete_model(model: str, services: Given) -> DeletedModel:
    """A tuned model with its weights and all its names; neither a base nor an alias."""
    with concerning("model"):
        delete_public_model(services.home, model)
    return DeletedModel(id=model)


def _describe(name: PublicName) -> Model:
    return Model(id=name.id, created=int(name.created_at.timestamp()), owned_by=name.owned_by)
