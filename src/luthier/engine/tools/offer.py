"""The JSON text of OpenAI's tool list goes in, the functions that it offers come out."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from luthier.errors import InvalidRequest

NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")


class OfferedFunction(NamedTuple):
    """`parameters` is the JSON schema of its arguments, as it was given; a function without one takes none.

    With `is_strict` the arguments have to follow it, or the request is refused where nothing can make them.
    """

    name: str
    parameters: dict[str, Any]
    is_strict: bool = False


def read_offer(tools: str) -> tuple[OfferedFunction, ...]:
    """Nothing for no text. Raises InvalidRequest for what is no list of functions."""
    if not tools:
        return ()
    try:
        rows = json.loads(tools)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("the tools are not JSON", hint="give a list of functions") from error
    if not isinstance(rows, list) or not rows:
        raise InvalidRequest("the tools are not a list of functions", hint="leave out an empty list")
    offered = tuple(_read_function(row, number) for number, row in enumerate(rows, start=1))
    names = [function.name for function in offered]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidRequest(f"the tool {twice!r} is offered twice", hint="give each function a name of its own")
    return offered


def _read_function(row: Any, number: int) -> OfferedFunction:
    function = row.get("function", row) if isinstance(row, dict) else None
    if not isinstance(function, dict):
        raise InvalidRequest(
            f"tool {number} is not a function",
            hint='a tool is {"type": "function", "function": {"name": ..., "parameters": ...}}',
        )
    name = function.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidRequest(
            f"tool {number} has the name {name!r}", hint="a name is 1 to 64 of a-z, A-Z, 0-9, underscore, dot and dash"
        )
    parameters = function.get("parameters")
    if parameters is None:
        parameters = {"type": "object", "properties": {}, "additionalProperties": False}
    if not isinstance(parameters, dict):
        raise InvalidRequest(f"the parameters of {name} are not a JSON schema", hint='give {"type": "object", ...}')
    return OfferedFunction(name, parameters, is_strict=function.get("strict") is True)
