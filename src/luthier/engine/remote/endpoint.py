"""Requests to any model of one OpenAI-compatible server become answers: paced, and asked again where that helps."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from luthier.engine.answer import Answer
from luthier.engine.protocol import Response
from luthier.engine.remote.account import Account
from luthier.engine.remote.catalogue import Catalogue
from luthier.engine.remote.connection import Connection
from luthier.engine.remote.draft import Draft, Retelling, find_broken_promise
from luthier.engine.remote.failure import Asked, ExchangeFailed, explain_nonsense
from luthier.engine.remote.loop_thread import LoopThread
from luthier.engine.remote.pace import Pace
from luthier.engine.remote.patience import Patience
from luthier.engine.remote.payload import build_body, estimate_tokens, hash_request
from luthier.engine.remote.prices import Usage
from luthier.engine.remote.spending import Purse
from luthier.engine.remote.waiting import LONGEST_OBEYED_SECONDS, read_exhaustion
from luthier.errors import DeadlineExceeded, InvalidRequest, LuthierError, RequestCancelled, UnknownModel, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from luthier.engine.protocol import Request
    from luthier.engine.remote.access import Access
    from luthier.engine.remote.dialect import ServedModel
    from luthier.engine.remote.options import Circumstances, EndpointOptions
    from luthier.engine.remote.prices import Prices
    from luthier.engine.remote.spending import Spending

Result = TypeVar("Result")

ASKING_TRIES = 3
"""Of what a user waits for before anything is asked: a wrong address shall be told soon."""


class Endpoint:
    """Any number of its models; the requests wait for one another only where the limits say so."""

    def __init__(
        self,
        url: str,
        *,
        access: Access,
        options: EndpointOptions,
        prices: Prices,
        circumstances: Circumstances,
    ) -> None:
        self._url = url
        self._access = access
        self._options = options
        self._prices = prices
        self._circumstances = circumstances
        self._connection = Connection(
            url, self._access.key, timeout_seconds=self._options.timeout_seconds, now=self._circumstances.now
        )
        self._catalogue = Catalogue(self._connection, self._ask_for(""), now=self._circumstances.now)
        self._slots = asyncio.Semaphore(self._options.requests_in_flight)
        self._accounts: dict[str, Account] = {}
        self._thread = LoopThread(f"luthier-{url}")

    def submit(self, request: Request, answer: Answer | None = None) -> Answer:
        """`request.model` is the name that the server knows. An `answer` that was made before is used."""
        answer = answer or Answer()
        try:
            future = self._thread.start(self._answer(request, answer, self._circumstances.clock()))
        except RequestCancelled as error:
            answer.fail(error)
            return answer

        def stop_when_cancelled() -> None:
            if answer.is_cancelled:
                future.cancel()

        answer.listen(stop_when_cancelled)
        # Without effect on an answer that has ended; one that is closed on before it began ends here.
        future.add_done_callback(lambda _: answer.fail(RequestCancelled("the request was given up")))
        return answer

    def find_model(self, model: str) -> ServedModel:
        """Raises UnknownModel, with the near names as its hint, when the server can tell that it has no such model."""
        return self._thread.call(self._patiently(partial(self._catalogue.find, model)))

    def find_spending(self, model: str) -> Spending:
        return self._open_account(model).purse.total

    def close(self) -> None:
        """Fails what is not answered yet with RequestCancelled."""
        self._thread.close(self._connection.close)

    async def _answer(self, request: Request, answer: Answer, submitted: float) -> None:
        seconds = request.deadline_seconds
        give_up_at = None if seconds is None else submitted + seconds
        left = None if give_up_at is None else max(0.0, give_up_at - self._circumstances.clock())
        try:
            async with asyncio.timeout(left):
                answer.finish(await self._find_response(request, answer, give_up_at))
        except TimeoutError:
            answer.fail(DeadlineExceeded(f"{self._url}: no complete answer within {seconds:g} seconds"))
        except ExchangeFailed as failure:
            answer.fail(await self._name_near_models(failure.error, request.model))
        except LuthierError as error:
            answer.fail(error)

    async def _find_response(self, request: Request, answer: Answer, give_up_at: float | None) -> Response:
        patience = Patience(self._options.tries, self._circumstances, give_up_at=give_up_at)
        dialect = await patience.try_until_done(self._catalogue.find_dialect)
        body = build_body(request, dialect, is_streaming=self._options.is_streaming)
        account = self._open_account(request.model)
        patience = Patience(self._options.tries, self._circumstances, give_up_at=give_up_at, account=account)
        attempt = partial(self._exchange, request, body, dialect.limit_field, Retelling(answer))
        async with self._slots:
            draft = await patience.try_until_done(attempt)
        return self._conclude(request, draft, account)

    async def _exchange(self, request: Request, body: dict[str, Any], limit_field: str, retelling: Retelling) -> Draft:
        """One try, or a second at once when the first was only refused because so long an answer might not fit."""
        pace = self._open_account(request.model).pace
        booking = await pace.admit(estimate_tokens(request))
        try:
            draft = await self._listen(body, self._ask_for(request.model, body.get(limit_field, 0)), retelling, pace)
        except ExchangeFailed as failure:
            if failure.is_filtered:
                return Draft(ending="content_filter")
            limit = body.get(limit_field)
            if failure.room <= 0 or (limit is not None and failure.room >= limit):
                raise
            body[limit_field] = failure.room
            return await self._exchange(request, body, limit_field, retelling)
        if draft.usage is not None:
            booking.tokens = draft.usage.prompt_tokens + draft.usage.completion_tokens
        return draft

    async def _listen(self, body: dict[str, Any], asked: Asked, retelling: Retelling, pace: Pace) -> Draft:
        def note_headers(headers: Mapping[str, str]) -> None:
            wait = read_exhaustion(headers)
            if wait is not None and wait <= LONGEST_OBEYED_SECONDS:
                pace.hold(wait)

        draft = Draft()
        async with aclosing(self._connection.converse(body, asked, note_headers=note_headers)) as parts:
            async for part in parts:
                draft.add(part)
                if self._options.is_streaming:
                    retelling.tell(draft, asked)
        if draft.finish_reason is None:
            what = f"ended an answer with {draft.ending!r}" if draft.ending else "ended in the middle of an answer"
            raise explain_nonsense(what, asked)
        retelling.tell(draft, asked)
        return draft

    def _conclude(self, request: Request, draft: Draft, account: Account) -> Response:
        told = draft.usage
        usage = Usage(told.prompt_tokens, told.cached_tokens, told.completion_tokens) if told else Usage(0, 0, 0)
        dollars = self._price(request.model, usage)
        account.purse.add_answer(usage, dollars, draft.backend)
        if draft.finish_reason is None or (broken := find_broken_promise(request, draft)):
            raise InvalidRequest(f"{self._url} {broken}", hint="the server does not offer what the request asks for")
        return Response(
            text=draft.text,
            finish_reason=draft.finish_reason,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            prompt_hash=hash_request(request),
            tool_calls=draft.tool_calls,
            log_probs=tuple(draft.log_probs),
            cached_tokens=usage.cached_tokens,
            cost_dollars=dollars,
        )

    def _price(self, model: str, usage: Usage) -> float | None:
        price = self._prices.find(self._url, model)
        return price.price_answer(usage) if price is not None and usage.prompt_tokens else None

    async def _name_near_models(self, error: LuthierError, model: str) -> LuthierError:
        if not isinstance(error, UnknownModel) or error.hint:
            return error
        try:
            names = [served.id for served in await self._catalogue.list_models()]
        except ExchangeFailed:
            names = []
        return UnknownModel(error.message, hint=did_you_mean(model, names) if names else "")

    async def _patiently(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        try:
            return await Patience(min(self._options.tries, ASKING_TRIES), self._circumstances).try_until_done(attempt)
        except ExchangeFailed as failure:
            raise failure.error from failure

    def _open_account(self, model: str) -> Account:
        if model not in self._accounts:
            pace = Pace(
                requests_per_minute=self._options.requests_per_minute,
                tokens_per_minute=self._options.tokens_per_minute,
                clock=self._circumstances.clock,
                sleep=self._circumstances.sleep,
            )
            price = self._prices.find(self._url, model)
            self._accounts.setdefault(model, Account(pace, Purse(price)))
        return self._accounts[model]

    def _ask_for(self, model: str, max_tokens: int = 0) -> Asked:
        return Asked(self._url, model, self._access.setting, max_tokens)
