"""A request becomes the JSON body that a server of a known dialect understands, or an error for what it cannot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luthier.conversation import fingerprint_json
from luthier.errors import InvalidRequest, InvalidStructure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.conversation import Message
    from luthier.engine.protocol import Request, Sampling, Structure
    from luthier.engine.remote.dialect import Dialect

MODES = frozenset({"auto", "none", "required"})
SCHEMA_NAME = "answer"
CHARACTERS_PER_TOKEN = 4
"""Of English text, by the services' own rule of thumb; only used to stay below a limit of tokens per minute."""


def build_body(request: Request, dialect: Dialect, *, is_streaming: bool) -> dict[str, Any]:
    """Raises InvalidRequest for what the server cannot do, and InvalidStructure for what is no schema or list."""
    return {
        "model": request.model,
        "messages": write_messages(request.messages),
        **describe_sampling(request.sampling, dialect),
        **describe_tools(request),
        **(describe_structure(request.structure, dialect) if request.structure else {}),
        **({"stream": True, "stream_options": {"include_usage": True}} if is_streaming else {}),
    }


def write_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """In OpenAI's form, without what is Luthier's own: the weight of a message in training.

    Raises InvalidRequest for what cannot be sent.
    """
    rows = [message.to_openai() for message in messages]
    for number, row in enumerate(rows, start=1):
        row.pop("weight", None)
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest(
                f"message {number} holds half a character: {error.reason}", hint="send whole characters"
            ) from error
    return rows


def describe_sampling(sampling: Sampling, dialect: Dialect) -> dict[str, Any]:
    """Temperature is always told: Luthier's default is not the API's."""
    if sampling.top_k and not dialect.has_top_k:
        raise InvalidRequest(
            f"{dialect.name} has no top_k", hint="leave top_k at 0, or limit the choice with top_p instead"
        )
    body: dict[str, Any] = {"temperature": sampling.temperature}
    if sampling.max_tokens is not None:
        body[dialect.limit_field] = sampling.max_tokens
    if dialect.tells_all or sampling.top_p != 1.0:
        body["top_p"] = sampling.top_p
    if sampling.presence_penalty:
        body["presence_penalty"] = sampling.presence_penalty
    if sampling.frequency_penalty:
        body["frequency_penalty"] = sampling.frequency_penalty
    body |= dialect.own_fields
    if dialect.has_top_k:
        body["top_k"] = sampling.top_k or dialect.top_k_off
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.logit_bias:
        body["logit_bias"] = {str(token): bias for token, bias in sampling.logit_bias}
    if sampling.top_log_probs is not None:
        body |= {"logprobs": True} | ({"top_logprobs": sampling.top_log_probs} if sampling.top_log_probs else {})
    return body


def describe_tools(request: Request) -> dict[str, Any]:
    if not request.tools:
        if request.tool_choice not in ("auto", "none"):
            raise InvalidRequest(f"tool_choice is {request.tool_choice!r}, but the request has no tools")
        return {}
    choice: Any = request.tool_choice
    if choice not in MODES:
        choice = {"type": "function", "function": {"name": choice}}
    alone = {} if request.parallel_tool_calls else {"parallel_tool_calls": False}
    return {"tools": _parse_tools(request.tools), "tool_choice": choice, **alone}


def describe_structure(structure: Structure, dialect: Dialect) -> dict[str, Any]:
    if structure.kind not in dialect.structures:
        raise InvalidRequest(
            f"{dialect.name} cannot hold an answer to a {structure.kind}",
            hint=f"it knows {', '.join(sorted(dialect.structures))}",
        )
    if structure.kind == "json_object":
        return {"response_format": {"type": "json_object"}}
    if structure.kind == "regex":
        return {"structured_outputs": {"regex": structure.value}}
    if structure.kind == "choice":
        return {"structured_outputs": {"choice": read_choices(structure)}}
    schema = _parse(structure, "a JSON schema")
    # Without strict a server may take the schema for advice.
    named = {"name": SCHEMA_NAME, "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def read_choices(structure: Structure) -> list[str]:
    choices = _parse(structure, "a list of texts")
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, str) for choice in choices):
        raise InvalidStructure("choice needs a JSON list of texts", hint='such as ["yes", "no"]')
    return choices


def hash_request(request: Request) -> str:
    """What was asked, in one canonical form: tokens are made from it where nobody outside can see them."""
    tools = _parse_tools(request.tools) if request.tools else []
    return fingerprint_json({"messages": write_messages(request.messages), "tools": tools})


def estimate_tokens(request: Request) -> int:
    """What a server books before it knows: the prompt by its length, and the longest answer that may come, if that is
    limited."""
    characters = sum(len(message.content) for message in request.messages) + len(request.tools)
    return characters // CHARACTERS_PER_TOKEN + (request.sampling.max_tokens or 0)


def _parse_tools(tools: str) -> Any:
    try:
        return json.loads(tools)
    except (ValueError, RecursionError) as error:
        raise InvalidStructure(f"the tools are not JSON: {error}", hint="write OpenAI's list of tools") from error


def _parse(structure: Structure, what: str) -> Any:
    try:
        return json.loads(structure.value)
    except ValueError as error:
        raise InvalidStructure(f"{structure.kind} needs {what} as JSON: {error}") from error
