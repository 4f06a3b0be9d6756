"""One chat request while it is answered: it is handed to the engine, read as answers come, and always closed."""

from __future__ import annotations

import hashlib
import logging
import time
from contextlib import ExitStack
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.concurrency import run_in_threadpool

import luthier
from luthier.engine.following import Following
from luthier.errors import AnswerTooLong, LuthierError
from luthier.server.openai.chat.asking import build_requests
from luthier.server.openai.chat.draft import Draft
from luthier.server.problems import describe_problem
from luthier.store.ids import new_id

if TYPE_CHECKING:
    from luthier.engine.protocol import Request, Response
    from luthier.models.public_names import PublicName
    from luthier.server.openai.chat.draft import Progress
    from luthier.server.openai.schema.chat import ChatRequest
    from luthier.server.problems import Problem
    from luthier.server.services import Services

logger = logging.getLogger(__name__)

LEFT = "cancelled"
"""How a chat has ended that nobody waited for."""


class Order(NamedTuple):
    """What is asked of whom; `requests` are as many as there are to be answers."""

    body: ChatRequest
    name: PublicName
    requests: list[Request]


class Head(NamedTuple):
    """What an answer and all its chunks have in common. `model` is the name in full; `created` counts from 1970."""

    id: str
    created: int
    model: str
    fingerprint: str


class Step(NamedTuple):
    """What has come of the answer at `place`."""

    place: int
    progress: Progress


async def prepare_order(body: ChatRequest, services: Services) -> Order:
    """Raises UnknownModel, or Problem for what does not go together."""
    name = await services.names.resolve(services.home, body.model)
    if body.response_format is None and not body.offered:
        return Order(body, name, build_requests(body, name.model))
    # Looking through schemas may take some milliseconds, which other streams would have to wait.
    return Order(body, name, await run_in_threadpool(build_requests, body, name.model))


def describe_failure(error: LuthierError, body: ChatRequest) -> Problem:
    """Of the two parameters for the length of an answer, the one that was sent is told."""
    is_newer = isinstance(error, AnswerTooLong) and body.max_completion_tokens is not None
    return describe_problem(error, param="max_completion_tokens" if is_newer else None)


class Chat:
    """In the event loop. Whatever happens to whoever asked, `close` ends what is still being answered."""

    def __init__(self, order: Order, services: Services) -> None:
        """Raises Overloaded when the server works on too much already."""
        self.body = order.body
        moment = services.clock()
        model = order.name.id
        self.head = Head(new_id("chatcmpl-", moment), int(moment.timestamp()), model, _fingerprint(order.name.model))
        self.drafts = [Draft() for _ in order.requests]
        self._metrics = services.metrics
        self._logs_content = services.home.settings.logs_content
        self._started = time.perf_counter()
        self._first_token_seconds: float | None = None
        self._outcome = LEFT
        limit = services.home.settings.chats_in_flight
        with ExitStack() as closing:
            closing.enter_context(services.chats.hold(len(order.requests), limit=limit))
            closing.enter_context(services.metrics.track_chat())
            closing.callback(self._count)
            self._following = Following(services.engine.submit(request) for request in order.requests)
            closing.callback(self._following.cancel)
            self._closing = closing.pop_all()

    @property
    def is_done(self) -> bool:
        return self._following.is_done

    @property
    def responses(self) -> list[Response]:
        """Those that have come; one for each answer when all are done."""
        return [draft.response for draft in self.drafts if draft.response is not None]

    async def read(self, timeout_seconds: float | None = None) -> list[Step]:
        """What is new, or nothing when there is none in time. Raises what ends an answer instead of a response."""
        news = await self._following.read(timeout_seconds)
        if news and self._first_token_seconds is None:
            self._first_token_seconds = time.perf_counter() - self._started
        try:
            steps = [Step(each.place, self.drafts[each.place].take(each)) for each in news]
        except LuthierError as error:
            self._outcome = error.code
            raise
        if self.is_done:
            self._outcome = self.responses[0].finish_reason
        return steps

    async def complete(self) -> None:
        """Returns when all answers are there; raises as `read` does."""
        while not self.is_done:
            await self.read()

    def close(self) -> None:
        """A second time does nothing."""
        self._closing.close()

    def _count(self) -> None:
        responses = self.responses
        self._log()
        self._metrics.count_chat(
            self.head.model,
            outcome=self._outcome,
            seconds=time.perf_counter() - self._started,
            first_token_seconds=self._first_token_seconds,
            prompt_tokens=responses[0].prompt_tokens if responses else 0,
            completion_tokens=sum(response.completion_tokens for response in responses),
        )

    def _log(self) -> None:
        """Prompts and answers only where the settings ask for them."""
        told: dict[str, Any] = {"chat": self.head.id, "model": self.head.model, "outcome": self._outcome}
        if self._logs_content:
            asked = [message.model_dump(mode="json", exclude_none=True) for message in self.body.messages]
            told["content"] = {"messages": asked, "answers": [response.text for response in self.responses]}
        logger.info("chat ended: %s", self._outcome, extra=told)


@cache
def _fingerprint(model: str) -> str:
    """Changes with what could make the same request with the same seed be answered otherwise."""
    programs = (luthier.__version__, version("torch"), version("transformers"))
    return f"fp_{hashlib.sha256('/'.join([*programs, model]).encode()).hexdigest()[:10]}"
