"""Whatever goes wrong becomes an answer in OpenAI's form: a status and `{"error": {message, type, param, code}}`."""

from __future__ import annotations

import logging
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from luthier import errors
from luthier.server.validation import describe_validation_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

logger = logging.getLogger(__name__)

INVALID_REQUEST = "invalid_request_error"
SERVER_ERROR = "server_error"
RETRY_SECONDS = 5.0
"""When it is worth another try after the machine's trouble: processes are started again within a second or two."""


class Problem(HTTPException):
    """What a route raises for an answer that no LuthierError stands for. `message` is what the client reads."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = INVALID_REQUEST,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message.encode("utf-8", "backslashreplace").decode()  # it may quote half a character
        super().__init__(status, self.message, headers)
        self.type = type
        self.param = param
        self.code = code

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON, which is also what an answer says that breaks off in mid-stream."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class Kind(NamedTuple):
    """What an error of ours means to a client. `message` replaces one that tells of the server's insides."""

    status: int
    code: str | None
    type: str = INVALID_REQUEST
    message: str = ""
    is_worth_retrying: bool = False
    param: str | None = None


KINDS: tuple[tuple[type[errors.LuthierError], Kind], ...] = (
    (errors.KeyRefused, Kind(401, "invalid_api_key")),
    (errors.UnknownModel, Kind(404, "model_not_found")),
    (errors.UnknownBase, Kind(404, "model_not_found")),
    (errors.UnknownFile, Kind(404, None, param="id")),
    (errors.UnknownArtefact, Kind(404, None)),
    (errors.WrongState, Kind(400, "invalid_state")),  # not 409, which clients send again by themselves
    (errors.InvalidStructure, Kind(400, "invalid_value")),
    (errors.AnswerTooLong, Kind(400, "invalid_value", param="max_tokens")),
    (errors.PromptTooLong, Kind(400, "context_length_exceeded", param="messages")),
    (errors.UsageError, Kind(400, "invalid_value")),
    (errors.DataError, Kind(400, "invalid_value")),
    (errors.Overloaded, Kind(429, "rate_limit_exceeded", "requests", is_worth_retrying=True)),
    (errors.EngineUnavailable, Kind(503, "engine_unavailable", SERVER_ERROR, is_worth_retrying=True)),
    (
        errors.DiskFull,
        Kind(503, "disk_full", SERVER_ERROR, "the server's disk is full; nothing was changed", is_worth_retrying=True),
    ),
    (
        errors.DatabaseUnavailable,
        Kind(
            503, "database_unavailable", SERVER_ERROR, "the server's database does not answer", is_worth_retrying=True
        ),
    ),
    (errors.IsolationMissing, Kind(400, "unsupported_value")),  # another try would end the same
    (errors.StoreDamaged, Kind(500, "store_damaged", SERVER_ERROR, "the server cannot read what it has kept")),
    (
        errors.MachineError,
        Kind(503, "machine", SERVER_ERROR, "the server's machine lacks something; its log says what", True),
    ),
    (errors.DeadlineExceeded, Kind(504, "timeout", SERVER_ERROR)),
    (errors.RequestCancelled, Kind(503, "request_cancelled", SERVER_ERROR, is_worth_retrying=True)),
    (errors.RunInterrupted, Kind(503, "interrupted", SERVER_ERROR, is_worth_retrying=True)),
)
"""The first that fits counts."""

UNEXPECTED = Kind(
    500, None, SERVER_ERROR, "the server failed at this request; its log says how, under the request's id"
)


def install_handlers(app: FastAPI) -> None:
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(errors.LuthierError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(Exception, _answer_unexpected)


def describe_problem(error: errors.LuthierError, *, param: str | None = None) -> Problem:
    """Also for errors that end an answer in mid-stream. Writes what the client is not told into the log."""
    kind = next((kind for known, kind in KINDS if isinstance(error, known)), UNEXPECTED)
    if kind.status >= 500:
        logger.error("%s: %s", error.code, error.message)
    message = kind.message or _word(error)
    headers = {}
    if kind.is_worth_retrying:
        seconds = error.retry_seconds if isinstance(error, errors.Overloaded) else RETRY_SECONDS
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    elif kind.status >= 500:
        headers["x-should-retry"] = "false"  # OpenAI's clients would ask again by themselves, and fail again
    return Problem(kind.status, message, type=kind.type, param=param or kind.param, code=kind.code, headers=headers)


@contextmanager
def concerning(param: str) -> Iterator[None]:
    """Says of which parameter an error of ours tells that comes out of the block."""
    try:
        yield
    except errors.LuthierError as error:
        raise describe_problem(error, param=param) from error


def respond(problem: Problem, scope: Scope) -> Response:
    headers = dict(problem.headers or {})
    request_id = scope.get("state", {}).get("request_id")
    if request_id is not None:
        headers["x-request-id"] = request_id  # here too, for what is answered outside of everything else
    return JSONResponse(problem.body, problem.status_code, headers)


def _word(error: errors.LuthierError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    return respond(_describe_http_exception(request, cast("HTTPException", error)), request.scope)


async def _answer_error(request: Request, error: Exception) -> Response:
    return respond(describe_problem(cast("errors.LuthierError", error)), request.scope)


async def _answer_validation_error(request: Request, error: Exception) -> Response:
    refusal = describe_validation_error(cast("RequestValidationError", error))
    return respond(Problem(400, refusal.message, param=refusal.param, code=refusal.code), request.scope)


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    return respond(Problem(UNEXPECTED.status, UNEXPECTED.message, type=UNEXPECTED.type), request.scope)


def _describe_http_exception(request: Request, error: HTTPException) -> Problem:
    if isinstance(error, Problem):
        return error
    place = f"{request.method} {request.url.path}"
    if error.status_code == 404:
        return Problem(404, f"Invalid URL ({place})", code="unknown_url")
    if error.status_code == 405:
        message = f"Not allowed to {request.method} on {request.url.path}."
        return Problem(405, message, code="method_not_supported", headers=error.headers)
    kind = INVALID_REQUEST if error.status_code < 500 else SERVER_ERROR
    return Problem(error.status_code, str(error.detail), type=kind, headers=error.headers)
