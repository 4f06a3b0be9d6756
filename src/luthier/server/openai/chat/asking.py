"""A chat request becomes what the engine is asked: one request for each answer that is wanted."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.protocol import Request, Sampling, Structure
from luthier.engine.structure.json_schema import check_json_schema
from luthier.engine.tools.offer import read_offer
from luthier.errors import InvalidStructure
from luthier.server.openai.chat.messages import read_messages
from luthier.server.openai.schema.tools import AllowedTools, FunctionName, JsonFormat, NamedFunction, SchemaFormat
from luthier.server.problems import Problem, concerning

if TYPE_CHECKING:
    from typing import Any

    from luthier.engine.protocol import ToolChoice
    from luthier.server.openai.schema.chat import ChatRequest
    from luthier.server.openai.schema.tools import SchemaDefinition

LEAST_TOP_P = 1e-9
"""In the place of 0, which leaves no token: that of the likeliest alone."""


class Offer(NamedTuple):
    """`tools` is the JSON text of those that the model sees, "" for none."""

    tools: str
    choice: ToolChoice


def build_requests(body: ChatRequest, model: str) -> list[Request]:
    """`model` is the local name. Raises Problem for what does not go together."""
    messages = read_messages(body.messages)
    offer = _read_offer(body)
    structure = _read_structure(body)
    return [
        Request(
            model,
            messages,
            _read_sampling(body, index),
            tools=offer.tools,
            tool_choice=offer.choice,
            parallel_tool_calls=body.parallel_tool_calls is not False and not body.is_legacy,
            structure=structure,
        )
        for index in range(body.n or 1)
    ]


def _read_sampling(body: ChatRequest, index: int) -> Sampling:
    stop = [body.stop] if isinstance(body.stop, str) else body.stop or []
    return Sampling(
        temperature=1.0 if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else max(body.top_p, LEAST_TOP_P),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        stop=tuple(stop),
        seed=_derive_seed(body.seed, index),
        presence_penalty=body.presence_penalty or 0.0,
        frequency_penalty=body.frequency_penalty or 0.0,
        logit_bias=tuple((int(token), bias) for token, bias in (body.logit_bias or {}).items()),
        top_log_probs=(body.top_logprobs or 0) if body.logprobs else None,
    )


def _derive_seed(seed: int | None, index: int) -> int | None:
    """The first answer is the one that the seed gives alone; the others are unlike it, and unlike those of seeds near
    by."""
    if seed is None or index == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{index}".encode()).digest()[:8])


def _read_structure(body: ChatRequest) -> Structure | None:
    match body.response_format:
        case JsonFormat():
            return Structure("json_object")
        case SchemaFormat(json_schema=definition):
            with concerning("response_format"):
                return _read_schema(definition)
    return None


def _read_schema(definition: SchemaDefinition) -> Structure:
    """A schema that is not strict is followed where a grammar can say it; else the answer is any JSON object.

    Raises InvalidStructure for a strict one that no grammar can guarantee.
    """
    if definition.schema_ is None:
        return Structure("json_object")
    try:
        check_json_schema(definition.schema_)
    except InvalidStructure:
        if definition.strict:
            raise
        return Structure("json_object")
    return Structure("json_schema", json.dumps(definition.schema_, ensure_ascii=False))


def _read_offer(body: ChatRequest) -> Offer:
    tools, choice = body.offered, _read_choice(body)
    if isinstance(body.tool_choice, AllowedTools):
        tools = _select_tools(tools, body.tool_choice)
    if not tools:
        if choice not in ("auto", "none"):
            raise _refuse("tool_choice", "'tool_choice' is only allowed when 'tools' are specified.")
        return Offer("", "auto")
    text = json.dumps(tools, ensure_ascii=False)  # as training writes the tools of a row
    param = "functions" if body.is_legacy else "tools"
    with concerning(param):
        names = [function.name for function in read_offer(text)]
    if choice not in ("auto", "none", "required", *names):
        name = "function_call" if body.is_legacy else "tool_choice"
        raise _refuse(name, f"Tool choice '{choice}' not found in '{param}' parameter.")
    return Offer(text, choice)


def _read_choice(body: ChatRequest) -> ToolChoice:
    if isinstance(body.function_call, FunctionName):
        return body.function_call.name
    match body.tool_choice:
        case NamedFunction(function=function):
            return function.name
        case AllowedTools(allowed_tools=selection):
            return selection.mode
    return body.function_call or (body.tool_choice if isinstance(body.tool_choice, str) else None) or "auto"


def _select_tools(tools: list[dict[str, Any]], choice: AllowedTools) -> list[dict[str, Any]]:
    """What the model does not see, it does not call."""
    allowed = [tool.function.name for tool in choice.allowed_tools.tools]
    offered = [tool["function"]["name"] for tool in tools]
    missing = next((name for name in allowed if name not in offered), None)
    if missing is not None:
        raise _refuse("tool_choice.allowed_tools", f"Tool '{missing}' not found in 'tools' parameter.")
    return [tool for tool in tools if tool["function"]["name"] in allowed]


def _refuse(param: str, message: str) -> Problem:
    return Problem(400, f"Invalid value for '{param}': {message}", param=param, code="invalid_value")
