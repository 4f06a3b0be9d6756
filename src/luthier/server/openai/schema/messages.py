"""The messages that a chat may hold, in all forms that OpenAI's clients write them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, Tag, model_validator

from luthier.server.openai.schema.body import Body, JsonObject, invalid_value, unsupported_value
from luthier.server.openai.schema.forms import LIST, TEXT, refuse_parameter, text_or_list

UNREAD = {"image_url": "images", "input_audio": "sounds", "file": "files"}


def _refuse_unread(part: Any) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(kind, str) and kind in UNREAD:
        raise unsupported_value(kind, f"models here read text, and no {UNREAD[kind]}")
    return part


class TextPart(Body):
    type: Literal["text"]
    text: str
    prompt_cache_breakpoint: JsonObject | None = None
    """Has no effect: what prompts have in common is found without it."""


class RefusalPart(Body):
    type: Literal["refusal"]
    refusal: str


Parts = Annotated[list[Annotated[TextPart, BeforeValidator(_refuse_unread)]], Field(min_length=1, fail_fast=True)]
Content = Annotated[Annotated[str, Tag(TEXT)] | Annotated[Parts, Tag(LIST)], text_or_list]

AnswerPart = Annotated[TextPart | RefusalPart, Field(discriminator="type"), BeforeValidator(_refuse_unread)]
AnswerParts = Annotated[list[AnswerPart], Field(min_length=1, fail_fast=True)]
AnswerContent = Annotated[Annotated[str, Tag(TEXT)] | Annotated[AnswerParts, Tag(LIST)], text_or_list]


class CalledFunction(Body):
    name: str
    arguments: str
    parsed_arguments: Any = None
    """What OpenAI's clients add for their callers, and may send back; it is not read."""


class Call(Body):
    id: str
    type: Literal["function"]
    function: CalledFunction
    index: int | None = None


class InstructingMessage(Body):
    role: Literal["system", "developer"]
    content: Content
    name: str | None = None


class UserMessage(Body):
    role: Literal["user"]
    content: Content
    name: str | None = None


class AssistantMessage(Body):
    """`weight` is that of a training file's row, and has no effect here."""

    role: Literal["assistant"]
    content: AnswerContent | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: Annotated[list[Call], Field(fail_fast=True)] | None = None
    function_call: CalledFunction | None = None
    audio: Annotated[None, BeforeValidator(refuse_parameter)] = None
    annotations: list[JsonObject] | None = None
    weight: Literal[0, 1] | None = None
    parsed: Any = None

    @model_validator(mode="after")
    def _require_something(self) -> Self:
        if self.content is None and self.refusal is None and not self.tool_calls and self.function_call is None:
            raise invalid_value("Invalid value for 'content': expected a string, got null.")
        return self


class ToolMessage(Body):
    role: Literal["tool"]
    content: Content
    tool_call_id: str
    name: str | None = None


class FunctionMessage(Body):
    role: Literal["function"]
    name: str
    content: str | None


ChatMessage = Annotated[
    InstructingMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage, Field(discriminator="role")
]
