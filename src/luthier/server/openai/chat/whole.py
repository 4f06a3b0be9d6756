"""A chat that is done becomes the one object that tells all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.server.openai.chat.answers import write_choice, write_usage
from luthier.server.openai.schema.completion import ChatCompletion

if TYPE_CHECKING:
    from luthier.server.openai.chat.chat import Chat


def write_completion(chat: Chat) -> ChatCompletion:
    drafts = zip(chat.responses, chat.drafts, strict=True)
    return ChatCompletion(
        id=chat.head.id,
        object="chat.completion",
        created=chat.head.created,
        model=chat.head.model,
        choices=[
            write_choice(
                index, response, draft.log_probs if chat.body.logprobs else None, is_legacy=chat.body.is_legacy
            )
            for index, (response, draft) in enumerate(drafts)
        ],
        usage=write_usage(chat.responses),
        service_tier="default",
        system_fingerprint=chat.head.fingerprint,
    )
