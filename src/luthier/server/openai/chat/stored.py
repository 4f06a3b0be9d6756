"""Chat completions that were stored: listed, shown, labelled and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path

from luthier.jobs.desk import Anything
from luthier.server.auth import require_role
from luthier.server.openai.chat.keeping import MessageSpan, show_completion, show_messages
from luthier.server.openai.metadata_filter import METADATA_PARAMETER, read_metadata_filter
from luthier.server.openai.schema.body import Text
from luthier.server.openai.schema.chat import StoredCompletionUpdate
from luthier.server.openai.schema.completion import DeletedCompletion, StoredCompletion, StoredMessage
from luthier.server.openai.schema.page import After, CursorListing, Limit
from luthier.server.services import Services, get_services
from luthier.store import completions

router = APIRouter(prefix="/v1/chat/completions", tags=["chat"], dependencies=[Depends(require_role("member"))])

Given = Annotated[Services, Depends(get_services)]
CompletionId = Annotated[Text, Path()]
Order = Literal["asc", "desc"]


@router.get("", openapi_extra={"parameters": [METADATA_PARAMETER]})
def list_completions(
    services: Given,
    metadata: Annotated[Mapping[str, str] | Anything | None, Depends(read_metadata_filter)],
    model: Text | None = None,
    after: After = None,
    limit: Limit = 20,
    order: Order = "asc",
) -> CursorListing[StoredCompletion]:
    """The earliest first, unless told otherwise."""
    wanted = {} if isinstance(metadata, Anything) else metadata
    query = completions.CompletionQuery(limit, after, order == "desc", model, wanted)
    page = completions.list_completions(services.home.database, query)
    return CursorListing.of([show_completion(kept) for kept in page.items], page.has_more)


@router.get("/{completion_id}")
def retrieve_completion(completion_id: CompletionId, services: Given) -> StoredCompletion:
    return show_completion(completions.get_completion(services.home.database, completion_id))


@router.post("/{completion_id}")
def update_completion(completion_id: CompletionId, body: StoredCompletionUpdate, services: Given) -> StoredCompletion:
    """The metadata is replaced as a whole."""
    kept = completions.amend_metadata(services.home.database, completion_id, body.metadata)
    return show_completion(kept)


@router.delete("/{completion_id}")
def delete_completion(completion_id: CompletionId, services: Given) -> DeletedCompletion:
    completions.delete_completion(services.home.database, completion_id)
    return DeletedCompletion(id=completion_id)


@router.get("/{completion_id}/messages")
def list_messages(
    completion_id: CompletionId, services: Given, after: After = None, limit: Limit = 20, order: Order = "asc"
) -> CursorListing[StoredMessage]:
    """What was asked, in the order of the conversation, unless told otherwise."""
    kept = completions.get_completion(services.home.database, completion_id)
    return show_messages(kept, MessageSpan(limit, after, order == "desc"))
