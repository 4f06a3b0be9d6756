"""What clients may ask of graders, and what they get."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from luthier.evaluation.graders.openai.outcome import GraderErrors, TokenUsage
from luthier.pipeline.grading import Graded
from luthier.server.openai.schema.body import Body, JsonObject, Text


class GraderRunRequest(Body):
    grader: JsonObject
    """string_check, text_similarity, score_model, label_model, python or multi."""

    model_sample: Text
    """The answer to grade: `sample.output_text`, and `sample.output_json` where it is JSON."""

    item: JsonObject | None = None
    """What templates and code see as `item`."""


class GraderValidateRequest(Body):
    grader: JsonObject


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int


class GraderRunMetadata(BaseModel):
    name: str
    type: Literal["string_check", "text_similarity", "score_model", "label_model", "python", "multi"]
    errors: GraderErrors
    execution_time: float
    """In seconds."""

    scores: dict[str, float]
    token_usage: int | None
    sampled_model_name: str | None
    explanation: str
    """A judge's steps, or in words what the errors say; not of OpenAI's."""


class GraderRunResponse(BaseModel):
    reward: float
    metadata: GraderRunMetadata
    sub_rewards: dict[str, float]
    model_grader_token_usage_per_model: dict[str, Usage]


class GraderValidateResponse(BaseModel):
    grader: dict[str, Any]


def write_run(graded: Graded) -> GraderRunResponse:
    grader, run = graded
    usage = {model: _write_usage(used) for model, used in run.usage.items()}
    metadata = GraderRunMetadata(
        name=grader.name,
        type=grader.type,
        errors=run.errors,
        execution_time=run.seconds,
        scores=run.sub_rewards,
        token_usage=sum(used.total_tokens for used in usage.values()) if usage else None,
        sampled_model_name=next(iter(usage)) if len(usage) == 1 else None,
        explanation=run.explanation,
    )
    return GraderRunResponse(
        reward=run.reward,
        metadata=metadata,
        sub_rewards=run.sub_rewards,
        model_grader_token_usage_per_model=usage,
    )


def _write_usage(used: TokenUsage) -> Usage:
    return Usage(
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        total_tokens=used.total_tokens,
        cached_tokens=used.cached_tokens,
    )
