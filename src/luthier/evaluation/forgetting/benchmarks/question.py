"""What a benchmark asks, what a model replies and what the reply is worth: the words between lm-eval and an engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Continuation:
    """How likely is it that `text` follows?"""

    context: str
    text: str


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """An answer ends before the first of the texts in `stop`."""

    prompt: str
    stop: tuple[str, ...]
    max_tokens: int


Question = Continuation | OpenQuestion


class Likelihood(NamedTuple):
    """`log_prob` is of the whole text in nats; `is_greedy` if a model left alone would have written it."""

    log_prob: float
    is_greedy: bool


Reply = Likelihood | str | None
"""None of a question that is too long for the model."""


@dataclass(frozen=True)
class Item:
    """One row of a benchmark as a model did it. `score` lies between 0 and 1; `others` are what lm-eval tells besides,
    as far as it is a number."""

    prompt: str
    answer: str
    score: float
    others: Mapping[str, float] = field(default_factory=dict)


class Benchmark(Protocol):
    """`source` says for the reader what was taken: library, version, and how many of the rows."""

    @property
    def name(self) -> str: ...

    @property
    def metric(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def questions(self) -> tuple[Question, ...]: ...

    def grade(self, replies: Sequence[Reply]) -> list[Item | None]:
        """One for each row, None where a question of it has no reply."""
        ...
