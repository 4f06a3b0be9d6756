"""A stream while its answer is being written: silence, trouble in the middle, and clients that leave."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import openai
import pytest

from luthier.engine.answer import Answer
from luthier.engine.protocol import ModelIdentity, Piece, Request, Response
from luthier.errors import DatabaseUnavailable, EngineUnavailable
from luthier.server.openai.chat.chat import Chat, prepare_order
from luthier.server.openai.chat.events import DONE, SILENCE, write_events
from luthier.server.openai.schema.chat import ChatRequest
from tests.support.api import build_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.api import Api

HI: Any = [{"role": "user", "content": "hi"}]
CLIENTS = 200


class HandEngine:
    """Answers by hand: `asked` are the answers that somebody waits for."""

    name = "by hand"

    def __init__(self) -> None:
        self.asked: list[Answer] = []
        self.has_been_asked = threading.Semaphore(0)

    def identify(self, model: str) -> ModelIdentity:
        return ModelIdentity(model, "hand", "weights", "template")

    def submit(self, request: Request) -> Answer:
        answer = Answer()
        self.asked.append(answer)
        self.has_been_asked.release()
        return answer

    def close(self) -> None:
        for answer in self.asked:
            answer.cancel()

    def wait_until_asked(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.has_been_asked.acquire(timeout=300)


@pytest.fixture
def engine() -> HandEngine:
    return HandEngine()


@pytest.fixture
def api(tmp_path: Path, engine: HandEngine) -> Iterator[Api]:
    api = build_api(tmp_path / "home", engine=engine, chats_in_flight=CLIENTS)
    yield api
    api.home.database.close()


def finish(answer: Answer, text: str) -> None:
    answer.finish(Response(text, "stop", 1, 1, "hash"))


async def open_chat(api: Api, **asked: Any) -> Chat:
    body = ChatRequest.model_validate({"model": "smollm2-135m", "messages": HI, "stream": True, **asked})
    return Chat(await prepare_order(body, api.services), api.services)


async def keep_nothing() -> None:
    pass


def read_data(frame: bytes) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(frame.removeprefix(b"data: "))
    return data


def test_silence_is_filled_with_comments(api: Api, engine: HandEngine) -> None:
    async def listen() -> list[bytes]:
        events = write_events(await open_chat(api), [], keep=keep_nothing, silence_seconds=0.001)
        heard = [await anext(events) for _ in range(3)]
        finish(engine.asked[0], "")
        return heard + [frame async for frame in events]

    opening, *quiet = asyncio.run(listen())
    assert read_data(opening)["choices"][0]["delta"]["role"] == "assistant"
    assert quiet[:2] == [SILENCE, SILENCE]
    assert quiet[-1] == DONE


def test_trouble_in_the_middle_is_told_as_openai_tells_it_and_nothing_after_it(api: Api, engine: HandEngine) -> None:
    async def listen() -> list[bytes]:
        events = write_events(await open_chat(api), [], keep=keep_nothing)
        heard = [await anext(events)]
        engine.asked[0].add(Piece("Hel"))
        heard.append(await anext(events))
        engine.asked[0].fail(EngineUnavailable("the engine has died"))
        return heard + [frame async for frame in events]

    _, text, error = asyncio.run(listen())
    assert read_data(text)["choices"][0]["delta"] == {"content": "Hel"}
    assert read_data(error)["error"]["code"] == "engine_unavailable"


def test_the_sdk_raises_what_ends_a_stream_in_the_middle(api: Api, engine: HandEngine) -> None:
    def speak() -> None:
        engine.wait_until_asked()
        engine.asked[0].add(Piece("Hel"))
        heard.wait(300)
        engine.asked[0].fail(EngineUnavailable("the engine has died"))

    heard = threading.Event()
    speaker = threading.Thread(target=speak)
    speaker.start()
    with api.open_sdk() as sdk:
        chunks = iter(sdk.chat.completions.create(model="smollm2-135m", messages=HI, stream=True))
        assert next(chunks).choices[0].delta.role == "assistant"
        assert next(chunks).choices[0].delta.content == "Hel"
        heard.set()
        with pytest.raises(openai.APIError, match="the engine has died"):
            next(chunks)
    speaker.join(300)


def test_what_cannot_be_kept_is_told_before_the_end(api: Api, engine: HandEngine) -> None:
    async def lose() -> None:
        raise DatabaseUnavailable("the database does not answer")

    async def listen() -> list[bytes]:
        chat = await open_chat(api)
        finish(engine.asked[0], "")
        return [frame async for frame in write_events(chat, [], keep=lose)]

    *_, last = asyncio.run(listen())
    assert read_data(last)["error"]["code"] == "database_unavailable"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_cancels_its_answers(api: Api, engine: HandEngine, stream: bool) -> None:
    async def ask_and_leave(address: str) -> None:
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=api.key, max_retries=0) as client:
            asking = asyncio.ensure_future(
                client.chat.completions.create(model="smollm2-135m", messages=HI, n=2, stream=stream)
            )
            await asyncio.to_thread(engine.wait_until_asked, 2)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    with api.listen() as address:
        asyncio.run(ask_and_leave(address))
        for answer in engine.asked:
            answer.wait_for_outcome(60)
    assert [answer.is_cancelled for answer in engine.asked] == [True, True]
    assert api.services.chats.count == 0


def test_many_streams_of_which_every_second_breaks_off_leave_nothing_behind(api: Api, engine: HandEngine) -> None:
    """All are open at once; while they are, other requests are answered."""

    async def read(client: openai.AsyncOpenAI, *, leaves: bool) -> str:
        text = ""
        stream = await client.chat.completions.create(model="smollm2-135m", messages=HI, stream=True)
        async with stream:
            async for chunk in stream:
                text += chunk.choices[0].delta.content or ""
                if leaves and text:
                    break
        return text

    async def read_all(address: str) -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=api.key, max_retries=0) as client:
            readers = [asyncio.ensure_future(read(client, leaves=bool(number % 2))) for number in range(CLIENTS)]
            await asyncio.to_thread(engine.wait_until_asked, CLIENTS)
            for answer in engine.asked:
                answer.add(Piece("one "))
            assert [model.id async for model in client.models.list()]
            leaving = readers[1::2]
            await asyncio.gather(*leaving)
            for answer in engine.asked:
                await asyncio.to_thread(answer.add, Piece("two"))
                finish(answer, "one two")
            return list(await asyncio.gather(*readers))

    with api.listen() as address:
        texts = asyncio.run(read_all(address))
    assert texts == ["one two", "one "] * (CLIENTS // 2)
    assert api.services.chats.count == 0


def test_more_than_the_server_holds_are_asked_to_come_again(api: Api, engine: HandEngine) -> None:
    async def crowd() -> None:
        chats = [await open_chat(api) for _ in range(CLIENTS)]
        try:
            with api.open_client() as client:
                body = {"model": "smollm2-135m", "messages": HI}
                refused = await asyncio.to_thread(client.post, "/v1/chat/completions", json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
            assert int(refused.headers["retry-after"]) >= 1
        finally:
            for chat in chats:
                chat.close()

    asyncio.run(crowd())
    assert len(engine.asked) == CLIENTS
    assert all(answer.is_cancelled for answer in engine.asked)
    assert api.services.chats.count == 0
