"""A page of a list, in the two forms that OpenAI's lists have."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, Self, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel

from luthier.server.openai.schema.body import Text

LARGEST_PAGE = 1000

Limit = Annotated[
    int, Query(ge=1, description="Most items of a page."), AfterValidator(lambda limit: min(limit, LARGEST_PAGE))
]
"""OpenAI's own caps are not known: what is larger than a page may be is no error, and the next page follows."""


After = Annotated[Text | None, Query(description="The id of the last item that was seen.")]


class Listed(BaseModel):
    """What a list may hold: clients page by ids."""

    id: str


Item = TypeVar("Item", bound=Listed)


class Listing(BaseModel, Generic[Item]):
    """Clients page on with the last item's id."""

    object: Literal["list"] = "list"
    data: list[Item]
    has_more: bool


class CursorListing(Listing[Item], Generic[Item]):
    """Clients page on with `last_id`."""

    first_id: str | None
    last_id: str | None

    @classmethod
    def of(cls, items: list[Item], has_more: bool) -> Self:
        ids = [item.id for item in items]
        return cls(data=items, has_more=has_more, first_id=ids[0] if ids else None, last_id=ids[-1] if ids else None)
