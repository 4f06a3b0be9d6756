"""`POST /v1/embeddings`: texts become vectors."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from luthier.models.public_names import PublicNames
from luthier.server.auth import require_role
from luthier.server.openai.schema.embeddings import Embedding, EmbeddingList, EmbeddingRequest, EmbeddingUsage
from luthier.server.problems import Problem, concerning
from luthier.server.services import Services, get_services

if TYPE_CHECKING:
    from luthier.engine.protocol import EmbeddedTexts

router = APIRouter(prefix="/v1", tags=["embeddings"], dependencies=[Depends(require_role("member"))])

Given = Annotated[Services, Depends(get_services)]


ANSWERS: dict[int | str, dict[str, Any]] = {200: {"model": EmbeddingList, "description": "The vectors, in order."}}


@router.post("/embeddings", response_model=None, responses=ANSWERS)
async def create_embeddings(body: EmbeddingRequest, services: Given) -> Response:
    answer = await services.embeddings.run(embed_texts, body, services)
    return Response(answer, media_type="application/json")


def embed_texts(body: EmbeddingRequest, services: Services) -> str:
    """As JSON: two thousand vectors take a while to write, in which no stream should have to wait."""
    with concerning("model"):
        name = PublicNames(services.home).resolve_embedder(body.model)
    embedded = services.embed(body.texts)
    _check_dimensions(body.dimensions, embedded.vectors.shape[1])
    tokens = sum(embedded.token_counts)
    data = _write_vectors(embedded, is_base64=body.encoding_format == "base64")
    usage = EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    return EmbeddingList(model=name.id, data=data, usage=usage).model_dump_json()


def _check_dimensions(asked: int | None, own: int) -> None:
    if asked not in (None, own):
        message = f"Unsupported value: 'dimensions': this model's vectors have {own} dimensions, and cannot be cut."
        raise Problem(400, message, param="dimensions", code="unsupported_value")


def _write_vectors(embedded: EmbeddedTexts, *, is_base64: bool) -> list[Embedding]:
    rows = embedded.vectors.astype("<f4")
    if is_base64:
        return [Embedding(index=place, embedding=base64.b64encode(row).decode()) for place, row in enumerate(rows)]
    return [Embedding(index=place, embedding=row.tolist()) for place, row in enumerate(rows)]
