"""What comes of a chat's answers becomes chunks, in the order and form that clients put together again.

Clients join what chunks say of one choice, so a role, a call's id and its name are told once; and they take choices
only in the order of their numbers, so all are opened at the start.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from luthier.server.openai.chat.answers import name_finish, write_log_probs, write_usage
from luthier.server.openai.schema.completion import CallPart, Chunk, ChunkChoice, Delta, FunctionPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.engine.protocol import Response, TokenLogProb
    from luthier.server.openai.chat.chat import Chat, Step
    from luthier.server.openai.schema.completion import FinishReason

PADDED_CHARACTERS = 32
"""Texts are filled up to a multiple of this where lengths are to tell little."""


class ChunkWriter:
    """For one chat."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        options = chat.body.stream_options
        self._has_usage = bool(options and options.include_usage)
        self._is_padded = bool(options and options.include_obfuscation)
        self._is_legacy = chat.body.is_legacy
        self._tells_tokens = bool(chat.body.logprobs)

    def open(self) -> Iterator[Chunk]:
        """Where a call may come in the place of a text, the text is null until there is some."""
        content = None if self._chat.body.offered else ""
        for index in range(len(self._chat.drafts)):
            yield self._write(index, Delta(role="assistant", content=content, refusal=None))

    def tell(self, steps: Sequence[Step]) -> Iterator[Chunk]:
        for index, progress in steps:
            if progress.text or (progress.log_probs and self._tells_tokens):
                yield self._write(index, Delta(content=progress.text), log_probs=progress.log_probs)
            if progress.response is not None:
                yield from self._finish(index, progress.response)

    def close(self) -> Iterator[Chunk]:
        """The usage, on a chunk of its own after all others, where it was asked for."""
        if self._has_usage:
            chunk = self._frame([])
            chunk["usage"] = write_usage(self._chat.responses)
            yield chunk

    def _finish(self, index: int, response: Response) -> Iterator[Chunk]:
        for place, call in enumerate(response.tool_calls[: 1 if self._is_legacy else None]):
            name, arguments = FunctionPart(name=call.name, arguments=""), FunctionPart(arguments=call.arguments)
            if self._is_legacy:
                yield self._write(index, Delta(function_call=name))
                yield self._write(index, Delta(function_call=arguments))
            else:
                opening = CallPart(index=place, id=call.id, type="function", function=name)
                yield self._write(index, Delta(tool_calls=[opening]))
                yield self._write(index, Delta(tool_calls=[CallPart(index=place, function=arguments)]))
        yield self._write(index, Delta(), finish_reason=name_finish(response, is_legacy=self._is_legacy))

    def _write(
        self,
        index: int,
        delta: Delta,
        *,
        log_probs: Sequence[TokenLogProb] | None = None,
        finish_reason: FinishReason | None = None,
    ) -> Chunk:
        told = write_log_probs(log_probs if self._tells_tokens else None)
        chunk = self._frame([ChunkChoice(index=index, delta=delta, logprobs=told, finish_reason=finish_reason)])
        if self._has_usage:
            chunk["usage"] = None
        if self._is_padded:
            chunk["obfuscation"] = _pad(len(delta.get("content") or ""))
        return chunk

    def _frame(self, choices: list[ChunkChoice]) -> Chunk:
        head = self._chat.head
        return Chunk(
            id=head.id,
            object="chat.completion.chunk",
            created=head.created,
            model=head.model,
            service_tier="default",
            system_fingerprint=head.fingerprint,
            choices=choices,
        )


def _pad(length: int) -> str:
    missing = -length % PADDED_CHARACTERS
    return secrets.token_hex(PADDED_CHARACTERS)[:missing]
