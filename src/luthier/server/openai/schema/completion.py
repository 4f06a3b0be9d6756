"""The answers to a chat, whole and in chunks, and what is kept of them."""

from __future__ import annotations

from typing import Literal, NotRequired

from pydantic import BaseModel
from typing_extensions import TypedDict

from luthier.server.openai.schema.body import JsonObject
from luthier.server.openai.schema.page import Listed

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class LikelyToken(TypedDict):
    """`bytes` is what the token adds to the text, which may be part of a character; null for what is no text."""

    token: str
    logprob: float
    bytes: list[int] | None


class ToldToken(LikelyToken):
    top_logprobs: list[LikelyToken]


class LogProbs(TypedDict):
    content: list[ToldToken] | None
    refusal: None


class FunctionPart(TypedDict, total=False):
    name: str
    arguments: str


class CallPart(TypedDict, total=False):
    index: int
    id: str
    type: Literal["function"]
    function: FunctionPart


class AnswerMessage(TypedDict):
    role: Literal["assistant"]
    content: str | None
    refusal: None
    annotations: list[dict[str, str]]
    tool_calls: NotRequired[list[CallPart]]
    function_call: NotRequired[FunctionPart]


class Choice(TypedDict):
    index: int
    message: AnswerMessage
    logprobs: LogProbs | None
    finish_reason: FinishReason


class PromptDetails(TypedDict):
    """`cached_tokens` of the prompt were known from other requests, and not computed again."""

    cached_tokens: int
    audio_tokens: int


class CompletionDetails(TypedDict):
    reasoning_tokens: int
    audio_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int


class Usage(TypedDict):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class ChatCompletion(TypedDict):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    service_tier: Literal["default"]
    system_fingerprint: str


class Delta(TypedDict, total=False):
    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: list[CallPart]
    function_call: FunctionPart


class ChunkChoice(TypedDict):
    index: int
    delta: Delta
    logprobs: LogProbs | None
    finish_reason: FinishReason | None


class Chunk(TypedDict):
    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    service_tier: Literal["default"]
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: NotRequired[Usage | None]
    obfuscation: NotRequired[str]


class DeletedCompletion(BaseModel):
    id: str
    object: Literal["chat.completion.deleted"] = "chat.completion.deleted"
    deleted: Literal[True] = True


class TextContent(BaseModel):
    type: Literal["text"] = "text"
    text: str


class StoredMessage(Listed):
    """`content_parts` is there where the content came in parts."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | None
    name: str | None
    tool_call_id: str | None
    tool_calls: list[JsonObject] | None
    content_parts: list[TextContent] | None
    refusal: str | None


class StoredCompletion(Listed):
    """The answer as it was given, with what was asked for beside the messages."""

    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    service_tier: Literal["default"]
    system_fingerprint: str
    metadata: dict[str, str]
    temperature: float
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    seed: int | None
    tools: list[JsonObject] | None
    tool_choice: str | JsonObject | None
    response_format: JsonObject | None
    input_user: str | None
