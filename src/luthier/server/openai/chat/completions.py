"""`POST /v1/chat/completions`: a chat is answered, whole or in a stream."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from luthier.errors import LuthierError
from luthier.server.auth import require_role
from luthier.server.connection import wait_while_connected
from luthier.server.openai.chat.chat import Chat, describe_failure, prepare_order
from luthier.server.openai.chat.events import KEEP_ALIVE_SECONDS, ChatStream
from luthier.server.openai.chat.keeping import keep_chat
from luthier.server.openai.chat.whole import write_completion
from luthier.server.openai.schema.chat import ChatRequest
from luthier.server.openai.schema.completion import ChatCompletion
from luthier.server.services import Services, get_services
from luthier.server.watching import CLIENT_LEFT

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ChatCompletion,
        "description": "The answer; with `stream` events of `data: ` with a chunk each, and `data: [DONE]` in the end.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

router = APIRouter(prefix="/v1", tags=["chat"], dependencies=[Depends(require_role("member"))])

Given = Annotated[Services, Depends(get_services)]


@router.post("/chat/completions", response_model=None, responses=ANSWERS)
async def create_completion(body: ChatRequest, request: Request, services: Given) -> Response:
    order = await prepare_order(body, services)
    answer = answer_in_stream if body.stream else answer_whole
    try:
        return await answer(Chat(order, services), request, services)
    except ClientDisconnect:
        return Response(status_code=CLIENT_LEFT)
    except LuthierError as error:
        raise describe_failure(error, body) from error


async def answer_whole(chat: Chat, request: Request, services: Services) -> Response:
    with closing(chat):
        await wait_while_connected(request, chat.complete())
        completion = write_completion(chat)
        await keep_if_asked(chat, request, services)
        return JSONResponse(completion)


async def answer_in_stream(chat: Chat, request: Request, services: Services) -> Response:
    """Waits for the first word, or some seconds: what is wrong with a request is so told by the status."""
    with ExitStack() as failing:
        failing.callback(chat.close)
        first = await wait_while_connected(request, chat.read(KEEP_ALIVE_SECONDS))
        stream = ChatStream(chat, first, keep=partial(keep_if_asked, chat, request, services))
        failing.pop_all()
        return stream


async def keep_if_asked(chat: Chat, request: Request, services: Services) -> None:
    if chat.body.store:
        sent = await request.json()
        await run_in_threadpool(keep_chat, services.home.database, chat, write_completion(chat), sent)
