"""A chat that its request asks to store is kept with what was asked, and shown again as the API shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import UnknownArtefact
from luthier.server.openai.schema.completion import StoredCompletion, StoredMessage, TextContent
from luthier.server.openai.schema.page import CursorListing
from luthier.store.completions import KeptCompletion, keep_completion

if TYPE_CHECKING:
    from luthier.server.openai.chat.chat import Chat
    from luthier.server.openai.schema.completion import ChatCompletion
    from luthier.store.database import Database

SHOWN_PARAMETERS: dict[str, Any] = {
    "temperature": 1.0,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "seed": None,
    "tools": None,
    "tool_choice": None,
    "response_format": None,
}
"""What a stored completion tells of its request, and what each is where it was not given."""


def keep_chat(db: Database, chat: Chat, completion: ChatCompletion, request: dict[str, Any]) -> None:
    """`request` is the JSON that was sent."""
    created_at = datetime.fromtimestamp(completion["created"], UTC)
    metadata = dict(chat.body.metadata) if chat.body.metadata is not None else None
    kept = KeptCompletion(chat.head.id, created_at, chat.head.model, metadata, request, dict(completion))
    keep_completion(db, kept)


def show_completion(kept: KeptCompletion) -> StoredCompletion:
    asked = {name: value for name, value in kept.request.items() if value is not None}
    parameters = {name: asked.get(name, default) for name, default in SHOWN_PARAMETERS.items()}
    about = {**parameters, "metadata": kept.metadata or {}, "input_user": asked.get("user")}
    return StoredCompletion.model_validate({**kept.response, **about})


class MessageSpan(NamedTuple):
    """Which part of a conversation is shown: `limit` messages after the one with the id `after`, or from the start."""

    limit: int
    after: str | None = None
    is_descending: bool = False


def show_messages(kept: KeptCompletion, span: MessageSpan) -> CursorListing[StoredMessage]:
    """Those that were asked; the answers stand in the completion. Raises UnknownArtefact for an `after` that is none
    of them."""
    rows = enumerate(kept.request["messages"])
    messages = [_show_message(f"{kept.id}-{place}", message) for place, message in rows]
    if span.is_descending:
        messages.reverse()
    ids = [message.id for message in messages]
    if span.after is not None and span.after not in ids:
        raise UnknownArtefact(f"No message found with id: {span.after}")
    start = 0 if span.after is None else ids.index(span.after) + 1
    return CursorListing.of(messages[start : start + span.limit], len(messages) > start + span.limit)


def _show_message(id: str, message: dict[str, Any]) -> StoredMessage:
    content = message.get("content")
    parts = [_show_part(part) for part in content] if isinstance(content, list) else None
    return StoredMessage(
        id=id,
        role=message["role"],
        content="".join(part.text for part in parts) if parts is not None else content,
        name=message.get("name"),
        tool_call_id=message.get("tool_call_id"),
        tool_calls=message.get("tool_calls"),
        content_parts=parts,
        refusal=message.get("refusal"),
    )


def _show_part(part: dict[str, Any]) -> TextContent:
    return TextContent(text=part["refusal"] if part["type"] == "refusal" else part["text"])
