"""What an engine is asked and what it answers; the seam between generation and everything that needs text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.conversation import Conversation, Message

FinishReason = Literal["stop", "length"]


class Sampling(BaseModel):
    """How the next token is chosen; the names and defaults of the OpenAI API, but greedy unless asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    """0 takes the likeliest token; higher values choose more freely."""

    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Only the likeliest tokens that together reach this probability are considered."""

    max_tokens: int = Field(default=256, ge=1)
    """Longest answer in tokens; a longer one is cut and its finish_reason is `length`."""

    stop: tuple[str, ...] = Field(default=(), max_length=4)
    """Texts that end an answer; they are not part of it."""

    seed: int | None = None
    """The same request with the same seed gives the same answer, whoever else is in the batch."""


@dataclass(frozen=True, slots=True)
class Request:
    model: str
    messages: tuple[Message, ...]
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Response:
    """`prompt_hash` is the SHA-256 of the prompt's token ids: equal hashes mean identical prompts."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    prompt_hash: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A conversation whose last message is an answer that somebody gave, to be judged by the model of that name."""

    model: str
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class Likelihood:
    """`log_prob` is that of the whole answer after its prompt, in nats, the end of the turn included."""

    log_prob: float
    answer_tokens: int
    prompt_hash: str


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What a model really is: two with the same `weights_hash` and `template_hash` answer alike.

    `trained_on` holds the prompt fingerprints of the rows that the model was trained on (empty for a base).
    """

    name: str
    base: str
    weights_hash: str
    template_hash: str
    trained_on: frozenset[str] = frozenset()


class Engine(Protocol):
    """Answers come in the order of the requests, each with the model that its request names."""

    @property
    def name(self) -> str:
        """Engine, version, device and precision, for example `torch-2.13.0/cpu/bfloat16`."""
        ...

    def identify(self, model: str) -> ModelIdentity:
        """Raises UnknownModel, with the near names as its hint."""
        ...

    def generate(
        self, requests: Sequence[Request], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Response]:
        """`on_progress` is called with the number of answers finished since the last call."""
        ...


class Scorer(Protocol):
    """An engine that has the weights at hand, and so can say how likely an answer is that it did not give."""

    @property
    def name(self) -> str: ...

    def identify(self, model: str) -> ModelIdentity:
        """As `Engine.identify`."""
        ...

    def score(
        self, answers: Sequence[Answered], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Likelihood]:
        """In their order; `on_progress` is called with the number finished since the last call."""
        ...
