"""What a server answered instead of an answer becomes a typed error, and whether asking again may help."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import EngineUnavailable, InvalidRequest, LuthierError, PromptTooLong, UnknownModel

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSING_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Those that the official clients ask again after, and what proxies in front of services add."""

SPENT_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
OVERFLOW_CODES = frozenset({"context_length_exceeded", "context_window_exceeded", "exceed_context_size_error"})
FILTER_CODE = "content_filter"
OVERFLOW_WORDS = re.compile(r"maximum context length|context (?:window|size|length)|prompt is too long", re.IGNORECASE)
CONTEXT_TOKENS = re.compile(r"maximum context length is (\d+)")
PROMPT_TOKENS = re.compile(r"(?<!at least )\b(\d+) (?:input tokens|in (?:the|your) (?:messages|prompt|input))")
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
LONGEST_MESSAGE = 300


class ExchangeFailed(Exception):
    """`is_passing` says that the same request may succeed later, after `wait_seconds` if the server told them.

    `room` is how many tokens of an answer would still have fitted after a prompt that itself does fit; `is_filtered`
    says that a content filter refuses the prompt; `status` is HTTP's, 0 when it did not come to one.
    """

    def __init__(
        self,
        error: LuthierError,
        *,
        is_passing: bool = False,
        wait_seconds: float | None = None,
        room: int = 0,
        is_filtered: bool = False,
        status: int = 0,
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.is_passing = is_passing
        self.wait_seconds = wait_seconds
        self.room = room
        self.is_filtered = is_filtered
        self.status = status


class Refusal(NamedTuple):
    """What a server says about a request that it does not answer; empty where it says nothing."""

    message: str
    code: str = ""
    parameter: str = ""


class Asked(NamedTuple):
    """Who was asked for what: the words of a message about it."""

    url: str
    model: str
    key_setting: str
    max_tokens: int = 0


def explain_status(
    status: int, headers: Mapping[str, str], content: bytes, asked: Asked, *, wait_seconds: float | None
) -> ExchangeFailed:
    refusal = read_refusal(content)
    said = f": {refusal.message}" if refusal.message else ""
    phrase = f"{asked.url} answered {status}{said}"
    if status in PASSING_STATUSES and refusal.code not in SPENT_CODES and headers.get("x-should-retry") != "false":
        error = EngineUnavailable(phrase, hint="the server is overloaded or broken; try again later")
        return ExchangeFailed(error, is_passing=True, wait_seconds=wait_seconds, status=status)
    failure = _explain_lasting(status, refusal, phrase, asked)
    failure.status = status
    return failure


def _explain_lasting(status: int, refusal: Refusal, phrase: str, asked: Asked) -> ExchangeFailed:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ExchangeFailed(EngineUnavailable(phrase, hint=f"check the key in {asked.key_setting}"))
    if refusal.code in SPENT_CODES:
        return ExchangeFailed(EngineUnavailable(phrase, hint="the account behind the key has no credit left"))
    if status == HTTPStatus.NOT_FOUND:
        if is_about_model(refusal, asked.model):
            return ExchangeFailed(UnknownModel(f"{asked.url} has no model {asked.model!r}"))
        hint = "the address of an OpenAI-compatible API mostly ends in /v1"
        return ExchangeFailed(EngineUnavailable(phrase, hint=hint))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return ExchangeFailed(EngineUnavailable(phrase, hint="the server sends on elsewhere: name that address itself"))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ExchangeFailed(EngineUnavailable(phrase, hint="the server does not offer this"))
    return explain_refusal(refusal, phrase, asked)


def explain_refusal(refusal: Refusal, phrase: str, asked: Asked) -> ExchangeFailed:
    """For a request that the server understood and refuses as it stands."""
    if refusal.code not in OVERFLOW_CODES and not OVERFLOW_WORDS.search(refusal.message):
        hint = f"it is about {refusal.parameter}" if refusal.parameter else "change the request"
        return ExchangeFailed(InvalidRequest(phrase, hint=hint), is_filtered=refusal.code == FILTER_CODE)
    context = int(found[1]) if (found := CONTEXT_TOKENS.search(refusal.message)) else 0
    prompt = int(found[1]) if (found := PROMPT_TOKENS.search(refusal.message)) else 0
    if context and asked.max_tokens > context:
        message = f"max_tokens is {asked.max_tokens}, the context of {asked.model} {context}"
        return ExchangeFailed(InvalidRequest(message, hint="ask for a shorter answer"))
    error = PromptTooLong(phrase, hint="shorten the prompt; at least one token must be left for the answer")
    return ExchangeFailed(error, room=max(0, context - prompt) if prompt else 0)


def explain_transport(kind: str, detail: str, asked: Asked) -> ExchangeFailed:
    """`kind` says what broke, such as `the connection broke`."""
    said = f": {tidy(detail)}" if detail else ""
    error = EngineUnavailable(f"{asked.url}: {kind}{said}", hint="check that the server runs and can be reached")
    return ExchangeFailed(error, is_passing=True)


def explain_nonsense(what: str, asked: Asked, *, is_passing: bool = True, hint: str = "") -> ExchangeFailed:
    """For an answer that is none: `what` completes "the server ..."."""
    error = EngineUnavailable(f"{asked.url} {what}", hint=hint or "the server or a proxy before it is broken")
    return ExchangeFailed(error, is_passing=is_passing)


def read_refusal(content: bytes) -> Refusal:
    """Reads OpenAI's form, vLLM's flat one, FastAPI's `detail`, and the title of an HTML page."""
    text = content.decode("utf-8", "replace")
    try:
        body: Any = json.loads(text)
    except (ValueError, RecursionError):
        title = TITLE.search(text)
        return Refusal(tidy(title[1] if title else text))
    return read_error_object(body)


def read_error_object(body: Any) -> Refusal:
    if isinstance(body, dict):
        body = body.get("error", body.get("detail", body))
    if not isinstance(body, dict):
        return Refusal(tidy(body if isinstance(body, str) else json.dumps(body)))
    message = body.get("message", "")
    codes = [str(body[name]) for name in ("code", "type") if body.get(name)]
    known = next((code for code in codes if code in SPENT_CODES | OVERFLOW_CODES), codes[0] if codes else "")
    return Refusal(
        tidy(message if isinstance(message, str) else json.dumps(message)), known, str(body.get("param") or "")
    )


def is_about_model(refusal: Refusal, model: str) -> bool:
    is_named = bool(model) and model in refusal.message and "model" in refusal.message.lower()
    return refusal.code == "model_not_found" or refusal.parameter == "model" or is_named


def tidy(text: str) -> str:
    """One printable line of bounded length: a server's words do not move the reader's cursor."""
    line = UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"
