"""A server's own list of models becomes what it serves, and which dialect it speaks."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from pydantic import TypeAdapter, ValidationError

from luthier.engine.remote.dialect import OPENAI, OPENAI_HOST, ServedModel, recognise_dialect
from luthier.engine.remote.failure import ExchangeFailed, explain_nonsense
from luthier.engine.remote.wire import ModelEntry, ModelList
from luthier.errors import UnknownModel, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.engine.remote.connection import Connection
    from luthier.engine.remote.dialect import Dialect
    from luthier.engine.remote.failure import Asked

LISTS: TypeAdapter[ModelList | tuple[ModelEntry, ...]] = TypeAdapter(ModelList | tuple[ModelEntry, ...])
"""Some services leave out what OpenAI puts around the list."""

ABSENT_STATUSES = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
JUST_NOW_SECONDS = 120
"""vLLM and llama.cpp report the time of the question as the time when a model was created."""


class Catalogue:
    """Each method raises ExchangeFailed."""

    def __init__(self, connection: Connection, asked: Asked, *, now: Callable[[], float]) -> None:
        self._connection = connection
        self._asked = asked
        self._now = now
        is_openai = urlsplit(connection.url).hostname == OPENAI_HOST
        self._dialect = OPENAI if is_openai else None
        self._learning = asyncio.Lock()

    async def list_models(self) -> tuple[ServedModel, ...]:
        """Empty when the server has no such list."""
        try:
            content = await self._connection.fetch("GET", "/models", self._asked)
        except ExchangeFailed as failure:
            if failure.status in ABSENT_STATUSES:
                return ()
            raise
        try:
            found = LISTS.validate_json(content)
        except ValidationError as error:
            hint = "the address of an OpenAI-compatible API mostly ends in /v1"
            raise explain_nonsense("sent no list of models", self._asked, is_passing=False, hint=hint) from error
        entries = found.data if isinstance(found, ModelList) else found
        return tuple(self._describe(entry) for entry in entries)

    async def find(self, model: str) -> ServedModel:
        """What is not on the list may still be known by itself; a server that cannot tell is believed to have it.

        Raises UnknownModel, with the near names as its hint.
        """
        models = await self.list_models()
        listed = next((served for served in models if served.id == model), None)
        if listed or not models:
            return listed or ServedModel(model)
        try:
            content = await self._connection.fetch("GET", f"/models/{quote(model, safe=':')}", self._asked)
            return self._describe(ModelEntry.model_validate_json(content))
        except ValidationError:
            return ServedModel(model)
        except ExchangeFailed as failure:
            if failure.status != HTTPStatus.NOT_FOUND:
                raise
            names = [served.id for served in models]
            message = f"{self._connection.url} has no model {model!r}"
            raise UnknownModel(message, hint=did_you_mean(model, names)) from failure

    async def find_dialect(self) -> Dialect:
        """Asked once; OpenAI itself is known by its host."""
        async with self._learning:
            if self._dialect is None:
                self._dialect = recognise_dialect(await self.list_models())
            return self._dialect

    def _describe(self, entry: ModelEntry) -> ServedModel:
        created = int(entry.created) if entry.created else None
        if created is not None and abs(self._now() - created) < JUST_NOW_SECONDS:
            created = None
        return ServedModel(entry.id, created, entry.owned_by or "", entry.max_model_len)
