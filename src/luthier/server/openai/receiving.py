"""A request with a file in a form becomes a file on disk that is not kept yet, with what the form says beside it."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from luthier.server.multipart import receive_form
from luthier.server.openai.schema.files import FileFields
from luthier.server.problems import Problem
from luthier.store.user_files.contents import Contents
from luthier.store.user_files.user_file import FileDraft

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.requests import Request

    from luthier.server.multipart import Form
    from luthier.server.openai.schema.files import ExpiresAfter
    from luthier.store.home import Home
    from luthier.store.user_files.incoming import Incoming
    from luthier.store.user_files.user_file import Purpose

BATCH_LIFETIME_SECONDS = 2_592_000


class Received(NamedTuple):
    incoming: Incoming
    form: Form


@asynccontextmanager
async def receive_file(request: Request, home: Home, *, field: str, largest_bytes: int) -> AsyncIterator[Received]:
    """The file is gone at the end of the block unless somebody has kept it. Raises Problem and DiskFull."""
    announced = request.headers.get("content-length", "")
    expected = min(int(announced), largest_bytes) if announced.isascii() and announced.isdigit() else 0
    async with contextmanager_in_threadpool(Contents(home).receive(expected)) as incoming:
        form = await receive_form(request, incoming, file_field=field, largest_bytes=largest_bytes)
        if not incoming.size_bytes:
            raise Problem(400, "the file is empty", param=field, code="invalid_value")
        yield Received(incoming, form)


def read_file_draft(form: Form) -> FileDraft:
    """Raises RequestValidationError for fields that no upload has, Problem for a file of the wrong kind."""
    nested = _nest(form.fields)
    try:
        fields = FileFields.model_validate(nested)
    except ValidationError as error:
        raise RequestValidationError(error.errors(), body=nested) from error
    return draft_file(form.filename, fields.purpose, fields.expires_after)


def draft_file(filename: str, purpose: Purpose, expires_after: ExpiresAfter | None) -> FileDraft:
    if purpose == "fine-tune" and not filename.lower().endswith(".jsonl"):
        raise Problem(400, "Invalid file format for Fine-Tuning API. Must be .jsonl")
    seconds = expires_after.seconds if expires_after is not None else None
    if seconds is None and purpose == "batch":
        seconds = BATCH_LIFETIME_SECONDS
    return FileDraft(filename, purpose, seconds)


def describe_form(file_field: str, others: dict[str, Any], *, required: Sequence[str] = ()) -> dict[str, Any]:
    """For the OpenAPI schema, which knows nothing of a body that a route reads by itself."""
    schema = {
        "type": "object",
        "properties": {file_field: {"type": "string", "format": "binary"}, **others},
        "required": [file_field, *required],
        "additionalProperties": False,
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _nest(fields: dict[str, str]) -> dict[str, Any]:
    """`{"a[b]": "1"}` becomes `{"a": {"b": 1}}`; a name with other brackets stays as it is, and is refused."""
    nested: dict[str, Any] = {}
    for name, text in fields.items():
        # A form knows texts alone; no field of this one is a text that looks like a number.
        value = int(text) if re.fullmatch("[0-9]{1,18}", text) else text
        outer, bracket, inner = name.partition("[")
        if bracket and inner.endswith("]") and isinstance(nested.setdefault(outer, {}), dict):
            nested[outer][inner[:-1]] = value
        else:
            nested[name] = value
    return nested
