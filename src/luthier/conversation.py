"""A conversation between roles: the one noun that every stage of Luthier speaks.

The field names are those of OpenAI's chat format. Everything here is immutable, so a conversation can be hashed once
and trusted afterwards; reading foreign JSON into it is the task of `luthier.data`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON text, exactly as the model wrote it."""

    id: str
    name: str
    arguments: str

    def to_openai(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "function",
            "function": {"name": self.name, "arguments": self.arguments},
        }


@dataclass(frozen=True, slots=True)
class Message:
    """`is_trained` is False for an assistant message with `"weight": 0`: context, not a lesson."""

    role: Role
    content: str = ""
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    is_trained: bool = True

    def to_openai(self) -> dict[str, Any]:
        row: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.name is not None:
            row["name"] = self.name
        if self.tool_calls:
            row["tool_calls"] = [call.to_openai() for call in self.tool_calls]
        if self.tool_call_id is not None:
            row["tool_call_id"] = self.tool_call_id
        if not self.is_trained:
            row["weight"] = 0
        return row


@dataclass(frozen=True, slots=True)
class Conversation:
    """`tools` is the JSON text of the tool list, so that a conversation stays hashable; "" when there are none."""

    messages: tuple[Message, ...]
    tools: str = ""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """All messages before the final answer."""
        return self.messages[:-1]

    @property
    def answer(self) -> Message:
        """The final message; an assistant's, in every conversation that passed the check."""
        return self.messages[-1]

    def to_openai(self) -> dict[str, Any]:
        row: dict[str, Any] = {"messages": [message.to_openai() for message in self.messages]}
        if self.tools:
            row["tools"] = json.loads(self.tools)
        return row

    def fingerprint(self) -> str:
        """Depends on content alone: not on key order, white space between tokens, or place in a file."""
        return fingerprint_json(self.to_openai())

    def prompt_fingerprint(self) -> str:
        """Equal for two conversations that ask the same and answer differently."""
        return fingerprint_json(Conversation(self.prompt, self.tools).to_openai())


def canonical_json(value: Any) -> str:
    """One text per value: sorted keys, no spaces, characters as they are."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint_json(value: Any) -> str:
    """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()
