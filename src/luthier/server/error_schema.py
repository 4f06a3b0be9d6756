"""The form of every error answer, for the OpenAPI description of the server."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

REQUEST_ID = {"description": "The request's id, as in the server's log.", "schema": {"type": "string"}}
RETRY_AFTER = {"description": "Whole seconds after which it is worth another try.", "schema": {"type": "integer"}}


class ErrorDetail(BaseModel):
    message: str
    """For people."""

    type: str
    """Whose fault it is: `invalid_request_error`, `requests` for too many of them, `server_error`."""

    param: str | None
    """The parameter that is wrong, as `messages[0].content`."""

    code: str | None
    """For programs."""


class ErrorAnswer(BaseModel):
    error: ErrorDetail


ERROR_ANSWERS: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "model": ErrorAnswer,
        "description": "The request is wrong (400), its key (401) or role (403), what it names (404) or how (405), too "
        "large (413), sent to a strange host name (421), or one too many (429, with Retry-After).",
        "headers": {"x-request-id": REQUEST_ID, "Retry-After": RETRY_AFTER},
    },
    "5XX": {
        "model": ErrorAnswer,
        "description": "The server failed (500), or something that it needs is away for the moment (503, with "
        "Retry-After).",
        "headers": {"x-request-id": REQUEST_ID, "Retry-After": RETRY_AFTER},
    },
}
"""What every route may answer besides what it declares itself."""
