"""What a grader found: a reward, or a flag for each thing that kept it from finding one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class GraderErrors:
    """The names are OpenAI's. With any of them the reward is 0 and means nothing."""

    formula_parse_error: bool = False
    sample_parse_error: bool = False
    """A place in `sample.output_json`, and the sample is no JSON."""

    truncated_observation_error: bool = False
    unresponsive_reward_error: bool = False
    invalid_variable_error: bool = False
    """A place in item or sample where there is nothing."""

    other_error: bool = False
    python_grader_server_error: bool = False
    """The code did not end by itself: its time was over, or the kernel stopped it."""

    python_grader_server_error_type: str | None = None
    python_grader_runtime_error: bool = False
    python_grader_runtime_error_details: str | None = None
    model_grader_server_error: bool = False
    model_grader_refusal_error: bool = False
    model_grader_parse_error: bool = False
    model_grader_server_error_details: str | None = None

    @property
    def has_any(self) -> bool:
        return any(getattr(self, name) is True for name in self.__slots__)


def merge_errors(errors: Iterable[GraderErrors]) -> GraderErrors:
    """Every flag that one of them has, with the first details."""
    merged = GraderErrors()
    for each in errors:
        merged = GraderErrors(*(getattr(merged, name) or getattr(each, name) for name in GraderErrors.__slots__))
    return merged


class TokenUsage(NamedTuple):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def add(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class GraderRun:
    """`passed` is None for a grader that says nothing of when a reward is enough.

    `sub_rewards` are those of a multi grader's own graders; `usage` is by the model that was asked.
    """

    reward: float
    passed: bool | None = None
    errors: GraderErrors = field(default_factory=GraderErrors)
    seconds: float = 0.0
    sub_rewards: dict[str, float] = field(default_factory=dict)
    usage: dict[str, TokenUsage] = field(default_factory=dict)
    explanation: str = ""
    """In words, where there is more to say than the number: a judge's steps, or what went wrong."""


def fail(explanation: str, errors: GraderErrors, *, usage: dict[str, TokenUsage] | None = None) -> GraderRun:
    return GraderRun(0.0, False, errors, usage=usage or {}, explanation=explanation)
