"""What an engine is asked and what it answers; the seam between generation and everything that needs text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from luthier.conversation import Message, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from luthier.conversation import Conversation
    from luthier.engine.answer import Answer

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
"""With `content_filter` a hosted model's server withheld the answer or its rest."""

StructureKind = Literal["json_object", "json_schema", "regex", "choice"]

ToolChoice = str
"""`auto` leaves it to the model, `none` forbids calls, `required` demands one; else the name of a function to call."""


class Sampling(BaseModel):
    """How the next token is chosen; the names and defaults of the OpenAI API, but greedy unless asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    """0 takes the likeliest token; higher values choose more freely."""

    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Only the likeliest tokens that together reach this probability are considered."""

    top_k: int = Field(default=0, ge=0)
    """Only so many of the likeliest tokens are considered; 0 for all."""

    max_tokens: int | None = Field(default=256, ge=1)
    """Longest answer in tokens; a longer one is cut and its finish_reason is `length`. None: as far as the context
    goes."""

    stop: tuple[str, ...] = Field(default=(), max_length=4)
    """Texts that end an answer; they are not part of it."""

    seed: int | None = None
    """The same request with the same seed draws the same random numbers, whoever else is in the batch."""

    presence_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)
    """Is taken from the logit of each token that the answer already holds."""

    frequency_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)
    """Is taken from a token's logit as often as the answer already holds it."""

    logit_bias: tuple[tuple[int, float], ...] = ()
    """Token ids, each with what is added to its logit."""

    top_log_probs: int | None = Field(default=None, ge=0, le=20)
    """How many alternatives are told for each token beside its own log-probability; None tells neither."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What shape the answer's text must have.

    `value` is a JSON schema as JSON text for json_schema, a pattern for regex, a JSON list of texts for choice, and
    empty for json_object.
    """

    kind: StructureKind
    value: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """`tools` is the JSON text of OpenAI's tool list; `deadline_seconds` counts from when the request is submitted.

    A tool with `"strict": true` is called with arguments as its schema says, whoever chooses to call it. Without
    `parallel_tool_calls` the answer holds one call at most.
    """

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling
    tools: str = ""
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    structure: Structure | None = None
    deadline_seconds: float | None = None


class Alternative(NamedTuple):
    """What could have come instead of a token, or the token itself; as `TokenLogProb` describes one."""

    token: str
    log_prob: float
    utf8: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class TokenLogProb:
    """In nats, of the model's own distribution: before temperature, penalties and structure. `token` is its text.

    `utf8` are the bytes that it adds to the answer, which may be part of a character: None where they are not known, or
    it is a control token.
    """

    token: str
    log_prob: float
    alternatives: tuple[Alternative, ...] = ()
    utf8: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """`prompt_hash` is the SHA-256 of the prompt's token ids: equal hashes mean identical prompts.

    `cached_tokens` of the prompt were not computed for this request; `cost_dollars` is what somebody else asks for it,
    None when their price is not known. A server that does not count leaves prompt and completion tokens at 0.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    prompt_hash: str
    tool_calls: tuple[ToolCall, ...] = ()
    log_probs: tuple[TokenLogProb, ...] = ()
    cached_tokens: int = 0
    cost_dollars: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Piece:
    """The next part of an answer's text, never half a character and never part of a text that ends the answer."""

    text: str
    log_probs: tuple[TokenLogProb, ...] = ()


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
    """Takes requests at any time and from any thread, and answers them beside one another."""

    @property
    def name(self) -> str:
        """Engine, version, device and precision, for example `torch-2.13.0/cpu/bfloat16`."""
        ...

    def identify(self, model: str) -> ModelIdentity:
        """Raises UnknownModel, with the near names as its hint."""
        ...

    def submit(self, request: Request) -> Answer:
        """Returns at once. What is wrong with a request fails its own answer and no other."""
        ...

    def close(self) -> None:
        """Fails what is not answered yet with RequestCancelled, and gives back what the engine holds."""
        ...


@runtime_checkable
class Watched(Protocol):
    """An engine that can tell whether it gets on."""

    @property
    def busy_seconds(self) -> float:
        """How long it has been at the step that it is at; 0.0 between two, and where there is nothing to do."""
        ...


@runtime_checkable
class PromptHasher(Protocol):
    """An engine that can tell what a model would read without asking it."""

    def hash_prompt(self, request: Request) -> str:
        """`Response.prompt_hash` of its answer. Raises what is wrong with the request."""
        ...


@runtime_checkable
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


@dataclass(frozen=True, slots=True)
class Reading:
    """A plain text, or messages up to where the next answer begins, with `tools` as in a request. `context` stands
    before a text; it is read and not measured."""

    text: str = ""
    messages: tuple[Message, ...] = ()
    tools: str = ""
    context: str = ""


class Survey(NamedTuple):
    """Of every measured token, in their order and in nats: `surprisals` (M, T) are the negative log-probabilities that
    each model gave it, and `divergences` (T,) KL(first‖second) over what else could have stood there.

    `is_likeliest` (M, T) is true where a model expected no other token more. Divergences of one model alone are none
    (0,). The first token of a text without a context is not measured.
    """

    surprisals: NDArray[np.float64]
    divergences: NDArray[np.float64]
    is_likeliest: NDArray[np.bool_]


@runtime_checkable
class Surveyor(Protocol):
    """An engine that has the weights at hand, and so can say how two models take texts that neither has written."""

    @property
    def name(self) -> str: ...

    def identify(self, model: str) -> ModelIdentity:
        """As `Engine.identify`."""
        ...

    def survey(
        self, models: Sequence[str], readings: Sequence[Reading], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Survey]:
        """One survey of each reading, by one model or by two that read the same tokens; requests go on beside it.

        `on_progress` is called with the number of readings finished since the last call. Raises UnlikeComparison for
        models of different tokens, and ExampleTooLong before anything is computed when a reading exceeds the context.
        """
        ...


class EmbeddedTexts(NamedTuple):
    """`vectors` (N, D) are of unit length, in the order of the texts; `token_counts` leave special tokens out."""

    vectors: NDArray[np.float32]
    token_counts: list[int]


class Embed(Protocol):
    """Turns texts into vectors; fails with EngineUnavailable while whatever does it is away."""

    def __call__(self, texts: Sequence[str]) -> EmbeddedTexts: ...
