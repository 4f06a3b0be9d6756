"""A chat becomes a stream of server-sent events that ends with the chat, and the chat with the stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from luthier.errors import LuthierError
from luthier.server.openai.chat.chat import describe_failure
from luthier.server.openai.chat.chunks import ChunkWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

    from starlette.types import Receive, Scope, Send

    from luthier.server.openai.chat.chat import Chat, Step

KEEP_ALIVE_SECONDS = 10.0
"""Longest silence: what stands between a client and the server may take a longer one for a broken connection."""

SILENCE = b": the answer is still being written\n\n"
DONE = b"data: [DONE]\n\n"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""The second keeps nginx from gathering events before it passes them on."""


class ChatStream(StreamingResponse):
    """`first` is what was read of the chat already; `keep` is awaited when the answer is complete, before its end is
    told: a client may leave at once when it has read the end."""

    media_type = "text/event-stream"

    def __init__(self, chat: Chat, first: Sequence[Step], *, keep: Callable[[], Awaitable[None]]) -> None:
        super().__init__(write_events(chat, first, keep=keep), headers=HEADERS)
        self._chat = chat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Also when the client leaves, which cancels this."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._chat.close()


async def write_events(
    chat: Chat,
    first: Sequence[Step],
    *,
    keep: Callable[[], Awaitable[None]],
    silence_seconds: float = KEEP_ALIVE_SECONDS,
) -> AsyncIterator[bytes]:
    """An error is told as OpenAI tells it, and then nothing more comes."""
    writer = ChunkWriter(chat)
    try:
        yield _write_all(writer.open()) + _write_all(writer.tell(first))
        while not chat.is_done:
            steps = await chat.read(silence_seconds)
            yield _write_all(writer.tell(steps)) if steps else SILENCE
        await keep()
    except LuthierError as error:
        yield _write_event(describe_failure(error, chat.body).body)
    else:
        yield _write_all(writer.close()) + DONE


def _write_all(chunks: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(_write_event(chunk) for chunk in chunks)


def _write_event(data: Mapping[str, Any]) -> bytes:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode(errors="replace")  # for half a character that a model may write into a call
