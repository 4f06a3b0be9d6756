"""What clients may ask of a chat: OpenAI's parameters, all of them declared, and a reason for each that is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Tag, ValidationInfo, field_validator

from luthier.server.openai.schema.body import Body, JsonObject, Text, invalid_value, unsupported_value
from luthier.server.openai.schema.fine_tuning import Metadata
from luthier.server.openai.schema.forms import LIST, TEXT, refuse_parameter, text_or_list
from luthier.server.openai.schema.messages import ChatMessage
from luthier.server.openai.schema.tools import Function, FunctionChoice, ResponseFormat, Tool, ToolChoice

LARGEST_SEED = 2**63 - 1
LARGEST_BIAS = 100
MOST_MESSAGES = 2048  # as OpenAI's

Penalty = Annotated[float, Field(ge=-2, le=2)]
Limit = Annotated[int, Field(ge=1)]
Ending = Annotated[str, Field(min_length=1)]
Endings = Annotated[list[Ending], Field(max_length=4)]
Stop = Annotated[Annotated[Ending, Tag(TEXT)] | Annotated[Endings, Tag(LIST)], text_or_list]
Bias = Annotated[float, Field(ge=-LARGEST_BIAS, le=LARGEST_BIAS)]
TokenId = Annotated[str, Field(pattern="^[0-9]{1,9}$")]
Refused = Annotated[None, BeforeValidator(refuse_parameter)]


def _refuse_sound(kinds: list[str]) -> list[str]:
    if "audio" in kinds:
        raise unsupported_value("modalities", "no model here speaks")
    return kinds


class StreamOptions(Body):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    """Whether chunks are filled up to lengths that tell little of the words in them; here only when asked."""


class Prediction(Body):
    type: Literal["content"]
    content: str | list[JsonObject]


class ChatRequest(Body):
    """Parameters that say "has no effect" are taken so that no client has to be changed."""

    model: Text
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MOST_MESSAGES, fail_fast=True)]

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """0 takes the likeliest token; 1 if it is not given."""

    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    """Answers to the same messages."""

    max_completion_tokens: Limit | None = None
    """As far as the model's context goes if neither this nor `max_tokens` is given."""

    max_tokens: Limit | None = None
    """The older name of `max_completion_tokens`."""

    stop: Stop | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[TokenId, Bias] | None = None
    """By token ids of the model that is asked."""

    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    seed: Annotated[int, Field(ge=-LARGEST_SEED - 1, le=LARGEST_SEED)] | None = None
    """The same request with the same seed draws the same random numbers, whatever else is answered meanwhile."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Field(max_length=128)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[Function], Field(min_length=1, max_length=128)] | None = None
    """The older form of `tools`."""

    function_call: FunctionChoice | None = None
    """The older form of `tool_choice`."""

    store: bool | None = None
    metadata: Metadata | None = None

    modalities: Annotated[list[Literal["text", "audio"]], AfterValidator(_refuse_sound)] | None = None
    audio: Refused = None
    web_search_options: Refused = None
    moderation: Refused = None

    user: str | None = None
    """Has no effect."""

    safety_identifier: str | None = None
    """Has no effect."""

    prompt_cache_key: str | None = None
    """Has no effect: what prompts have in common is found without it."""

    prompt_cache_options: JsonObject | None = None
    """Has no effect."""

    prompt_cache_retention: Literal["in_memory", "in-memory", "24h"] | None = None
    """Has no effect."""

    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    """Has no effect."""

    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    """Has no effect: models here think only as they were trained to."""

    verbosity: Literal["low", "medium", "high"] | None = None
    """Has no effect."""

    prediction: Prediction | None = None
    """Has no effect."""

    @field_validator("top_logprobs", "stream_options")
    @classmethod
    def _check_needed(cls, value: Any, info: ValidationInfo) -> Any:
        name, needed = info.field_name, {"top_logprobs": "logprobs", "stream_options": "stream"}[str(info.field_name)]
        if value is not None and not info.data.get(needed):
            raise invalid_value(f"The '{name}' parameter is only allowed when '{needed}' is enabled.")
        return value

    @field_validator("max_tokens", "functions", "function_call")
    @classmethod
    def _check_forms(cls, value: Any, info: ValidationInfo) -> Any:
        """The older form of a parameter beside the newer could say something else."""
        newer = {"max_tokens": "max_completion_tokens", "functions": "tools", "function_call": "tool_choice"}
        name, other = str(info.field_name), newer[str(info.field_name)]
        if value is not None and info.data.get(other) is not None:
            raise invalid_value(f"Setting '{name}' and '{other}' at the same time is not supported.")
        return value

    @property
    def is_legacy(self) -> bool:
        """Asked with `functions`, and so to be answered with `function_call`."""
        return self.functions is not None

    @property
    def offered(self) -> list[dict[str, Any]]:
        """The tools in today's form, each as it was given."""
        if self.functions is not None:
            return [{"type": "function", "function": function} for function in self.functions]
        return self.tools or []


class StoredCompletionUpdate(Body):
    metadata: Metadata | None
