"""What a model may call, what it must call, and in what form it answers otherwise."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from luthier.server.openai.schema.body import Body, JsonObject, unsupported_value
from luthier.server.openai.schema.forms import AsGiven

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
FormatName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


def _refuse_custom(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "custom":
        raise unsupported_value("custom", "models here call functions")
    return value


class FunctionDefinition(Body):
    name: Name
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class LegacyFunction(Body):
    name: Name
    description: str | None = None
    parameters: JsonObject | None = None


class FunctionTool(Body):
    type: Literal["function"]
    function: FunctionDefinition


class FunctionName(Body):
    name: str


class NamedFunction(Body):
    type: Literal["function"]
    function: FunctionName


class ToolSelection(Body):
    """`tools` are those that may be called, by their names; the model does not see the others."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedFunction], Field(min_length=1)]


class AllowedTools(Body):
    type: Literal["allowed_tools"]
    allowed_tools: ToolSelection


Tool = Annotated[dict[str, Any], AsGiven(FunctionTool), BeforeValidator(_refuse_custom)]
Function = Annotated[dict[str, Any], AsGiven(LegacyFunction)]


def _name_kind(value: Any) -> str | None:
    return value.get("type") if isinstance(value, dict) else "mode"


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("mode")]
    | Annotated[NamedFunction, Tag("function")]
    | Annotated[AllowedTools, Tag("allowed_tools")],
    Discriminator(_name_kind),
    BeforeValidator(_refuse_custom),
]
FunctionChoice = Annotated[
    Annotated[Literal["none", "auto"], Tag("mode")] | Annotated[FunctionName, Tag("named")],
    Discriminator(lambda value: "named" if isinstance(value, dict) else "mode"),
]


class TextFormat(Body):
    type: Literal["text"]


class JsonFormat(Body):
    type: Literal["json_object"]


class SchemaDefinition(Body):
    """`schema` is kept as it came. Where it is strict, or a grammar can guarantee it anyhow, answers follow it."""

    name: FormatName
    description: str | None = None
    schema_: JsonObject | None = Field(default=None, alias="schema")
    strict: bool | None = None


class SchemaFormat(Body):
    type: Literal["json_schema"]
    json_schema: SchemaDefinition


ResponseFormat = Annotated[TextFormat | JsonFormat | SchemaFormat, Field(discriminator="type")]
