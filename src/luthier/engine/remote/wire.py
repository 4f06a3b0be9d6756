"""What Luthier reads of that which an OpenAI-compatible server sends: whole answers, parts of one, lists of models."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """Servers add fields of their own, which are none of Luthier's business."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class FunctionPart(Part):
    name: str | None = None
    arguments: str | None = None


class ToolCallPart(Part):
    index: int | None = None
    id: str | None = None
    function: FunctionPart = FunctionPart()


class MessagePart(Part):
    content: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCallPart, ...] | None = None


class Alternative(Part):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None


class TokenPart(Alternative):
    top_logprobs: tuple[Alternative, ...] | None = None


class LogProbsPart(Part):
    content: tuple[TokenPart, ...] | None = None


class Choice(Part):
    """`message` in a whole answer, `delta` in a part of one."""

    index: int = 0
    message: MessagePart | None = None
    delta: MessagePart | None = None
    finish_reason: str | None = None
    logprobs: LogProbsPart | None = None


class PromptDetails(Part):
    cached_tokens: int | None = Field(default=None, ge=0)


class UsagePart(Part):
    """`prompt_cache_hit_tokens` is what DeepSeek calls the cached ones."""

    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    prompt_tokens_details: PromptDetails | None = None
    prompt_cache_hit_tokens: int | None = Field(default=None, ge=0)

    @property
    def cached_tokens(self) -> int:
        told = self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else None
        return min(self.prompt_tokens, told or self.prompt_cache_hit_tokens or 0)


class Completion(Part):
    """A whole answer, or a part of one in a stream."""

    choices: tuple[Choice, ...]
    usage: UsagePart | None = None
    system_fingerprint: str | None = None


class ModelEntry(Part):
    id: str
    created: int | float | None = None
    owned_by: str | None = None
    max_model_len: int | None = None


class ModelList(Part):
    data: tuple[ModelEntry, ...]
