"""A list of turns, in the words of ShareGPT or of OpenAI, becomes OpenAI's messages, with an id for each call."""

from __future__ import annotations

import json
from itertools import count
from typing import Any, NamedTuple

from luthier.data.formats.format import UnreadableRow
from luthier.data.formats.json_text import parse_json_text
from luthier.data.formats.openai_chat import EMPTY_MESSAGE_KEYS, MESSAGE_KEYS, ROLES, is_tool_call
from luthier.errors import did_you_mean

ROLE_OF: dict[str, str] = {
    **{role: role for role in ROLES},
    "human": "user",
    "prompter": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "function_call": "function_call",
    "tool_call": "function_call",
    "observation": "tool",
    "function": "tool",
    "function_response": "tool",
    "tool_response": "tool",
}
"""Who speaks, in lower case; a turn of `function_call` holds the JSON of calls that the assistant makes."""

CALL_HINT = 'write the call as {"name": "...", "arguments": {...}}'


class Call(NamedTuple):
    """One that waits for its answer."""

    id: str
    name: str


class TurnReader:
    """Of one row. Messages that are OpenAI's already come out as they went in.

    `leftovers` are the keys that a message has no place for, by its number in the row, from 1.
    """

    def __init__(self) -> None:
        self.leftovers: dict[str, dict[str, Any]] = {}
        self._count = 0
        self._ids: set[Any] = set()
        self._pending: list[Call] = []

    def read(self, turns: Any, what: str) -> list[dict[str, Any]]:
        """`what` names the list in errors. Raises UnreadableRow for what is no list of turns."""
        if not isinstance(turns, list):
            raise UnreadableRow(f"{what} is not a list of messages", hint='write [{"role": "user", "content": "..."}]')
        return [self._read_turn(turn, f"message {number} of {what}") for number, turn in enumerate(turns, 1)]

    def _read_turn(self, turn: Any, where: str) -> dict[str, Any]:
        if not isinstance(turn, dict):
            raise UnreadableRow(f"{where} is not an object", hint='write {"role": "user", "content": "..."}')
        self._count += 1
        self._keep_leftovers(turn)
        message = {key: value for key, value in turn.items() if key in MESSAGE_KEYS}
        if "from" in turn and "role" not in turn:
            message = {"role": _name_role(turn["from"], where), "content": turn.get("value"), **message}
        elif isinstance(turn.get("role"), str):
            message["role"] = ROLE_OF.get(turn["role"], turn["role"])
        if message.get("role") == "function_call":
            calls = _parse_calls(message.get("content"), where)
            message |= {"role": "assistant", "content": None, "tool_calls": calls}
        elif turn.get("function_call"):
            if turn.get("tool_calls"):
                raise UnreadableRow(f"{where} has tool_calls and a function_call", hint="keep the tool_calls alone")
            message["tool_calls"] = [turn["function_call"]]
        if message.get("role") == "tool":
            self._link_answer(message)
        elif isinstance(message.get("tool_calls"), list):
            message["tool_calls"] = [self._complete_call(call) for call in message["tool_calls"]]
        return message

    def _keep_leftovers(self, turn: dict[str, Any]) -> None:
        used = MESSAGE_KEYS | ({"from", "value"} if "role" not in turn else {"function_call"})
        leftovers = {
            key: value
            for key, value in turn.items()
            if key not in used and value is not None and (value or key not in EMPTY_MESSAGE_KEYS)
        }
        if leftovers:
            self.leftovers[str(self._count)] = leftovers

    def _complete_call(self, call: Any) -> Any:
        """With what training data of other makers leaves out: the id, the type, the arguments as text."""
        if not isinstance(call, dict):
            return call
        function = call.get("function", call)
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            return call
        if not is_tool_call(call):
            arguments = function.get("arguments", {})
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            function = {"name": function["name"], "arguments": text}
            rest = {key: value for key, value in call.items() if key not in ("name", "arguments") and value is not None}
            call = {"id": self._make_id(), "type": "function", **rest, "function": function}
        self._ids.add(str(call["id"]))
        self._pending.append(Call(str(call["id"]), function["name"]))
        return call

    def _make_id(self) -> str:
        return next(id_ for id_ in map("call_{}".format, count(1)) if id_ not in self._ids)

    def _link_answer(self, message: dict[str, Any]) -> None:
        """To the call that it names, or else to the first that waits for an answer."""
        if message.get("tool_call_id") is None and self._pending:
            named = [call.id for call in self._pending if call.name == message.get("name")]
            message["tool_call_id"] = named[0] if named else self._pending[0].id
        self._pending = [call for call in self._pending if call.id != message.get("tool_call_id")]


def _name_role(speaker: Any, where: str) -> str:
    role = ROLE_OF.get(speaker.strip().lower()) if isinstance(speaker, str) else None
    if role is None:
        message = f"{where} is from {str(speaker)[:40]!r}, which is nobody that is known"
        raise UnreadableRow(message, hint=did_you_mean(str(speaker), ROLE_OF))
    return role


def _parse_calls(content: Any, where: str) -> list[Any]:
    value = parse_json_text(content, where) if isinstance(content, str) else content
    calls = value if isinstance(value, list) else [value]
    if not calls or not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        raise UnreadableRow(f"{where} is a call of a tool without the tool's name", hint=CALL_HINT)
    return calls
