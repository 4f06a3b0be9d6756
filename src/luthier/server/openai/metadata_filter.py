"""The query `metadata[key]=value` becomes the pairs that a list's items must have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi import Request

from luthier.jobs.desk import ANY, Anything
from luthier.server.problems import Problem, concerning
from luthier.store.metadata_match import check_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

PAIR = re.compile(r"metadata\[(?P<key>.*)\]", re.DOTALL)
NONE = ("", "null")

METADATA_PARAMETER: dict[str, Any] = {
    "name": "metadata",
    "in": "query",
    "required": False,
    "style": "deepObject",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    "description": "Pairs that an item's metadata must hold; `metadata=null` for items without metadata.",
}
"""For `openapi_extra` of a route."""


def read_metadata_filter(request: Request) -> Mapping[str, str] | Anything | None:
    """None for items without metadata, which the npm SDK asks for by `metadata=`; ANY when nothing is asked."""
    query = request.query_params.multi_items()
    pairs = {found["key"]: value for name, value in query if (found := PAIR.fullmatch(name))}
    plain = [value for name, value in query if name == "metadata"]
    if (plain and pairs) or any(value not in NONE for value in plain):
        message = "Invalid 'metadata': write metadata[key]=value, or metadata=null for those without."
        raise Problem(400, message, param="metadata", code="invalid_value")
    with concerning("metadata"):
        check_metadata(pairs, "metadata")
    return pairs if pairs else None if plain else ANY
