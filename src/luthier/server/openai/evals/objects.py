"""Evals, runs and items as they are kept become those that clients get to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.pipeline.evals.criteria import label_criterion
from luthier.server.openai.schema.eval_objects import (
    ApiError,
    CriterionResult,
    Eval,
    EvalRun,
    OutputItem,
    ResultCounts,
    ShownConfig,
    ShownModelUsage,
)

if TYPE_CHECKING:
    from luthier.store import eval_runs, evals
    from luthier.store.eval_runs import ModelUsage

SAMPLE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "output_text": {"type": "string"},
        "output_json": {},
        "output_tools": {"type": "array", "items": {"type": "object"}},
        "choices": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["output_text", "output_tools", "choices"],
}
"""What criteria see of an answer; `output_json` is there where the answer is JSON."""

LOGGED_ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "input": {"type": "array", "items": {"type": "object"}},
        "id": {"type": "string"},
        "model": {"type": "string"},
        "created_at": {"type": "integer"},
        "metadata": {"type": "object"},
        "tools": {"type": ["array", "null"]},
        "response_format": {"type": ["object", "null"]},
    },
    "required": ["input"],
}
"""What a stored completion is as an item."""


def describe_eval(eval: evals.Eval) -> Eval:
    return Eval(
        id=eval.id,
        name=eval.name,
        data_source_config=_describe_config(eval.data_source_config),
        testing_criteria=eval.testing_criteria,
        created_at=int(eval.created_at.timestamp()),
        metadata=eval.metadata,
    )


def describe_run(eval: evals.Eval, run: eval_runs.EvalRun, *, address: str) -> EvalRun:
    """`address` is that of the server, as its client calls it."""
    tally = run.tally
    criteria = zip(eval.testing_criteria, tally.criteria, strict=True)
    return EvalRun(
        id=run.id,
        eval_id=run.eval_id,
        status=run.status,
        model=run.model or "",
        name=run.name,
        created_at=int(run.created_at.timestamp()),
        report_url=f"{address}/v1/evals/{run.eval_id}/runs/{run.id}/report",
        result_counts=ResultCounts(total=run.total, errored=tally.errored, failed=tally.failed, passed=tally.passed),
        per_model_usage=[_describe_usage(model, used) for model, used in tally.usage.items()],
        per_testing_criteria_results=[
            CriterionResult(
                testing_criteria=label_criterion(eval.id, place, criterion["name"]),
                passed=counts.passed,
                failed=counts.failed,
            )
            for place, (criterion, counts) in enumerate(criteria)
        ],
        data_source=run.data_source,
        metadata=run.metadata,
        error=ApiError(code=run.error.code, message=run.error.message) if run.error else ApiError(code="", message=""),
    )


def describe_item(item: eval_runs.OutputItem, eval_id: str) -> OutputItem:
    return OutputItem.model_validate(
        {
            "id": item.id,
            "run_id": item.run_id,
            "eval_id": eval_id,
            "created_at": int(item.done_at.timestamp()),
            "status": item.status,
            "datasource_item_id": item.number,
            "datasource_item": item.item,
            "results": item.results,
            "sample": item.sample,
        }
    )


def _describe_config(config: dict[str, Any]) -> ShownConfig:
    is_custom = config["type"] == "custom"
    has_sample = not is_custom or bool(config.get("include_sample_schema"))
    properties = {"item": config["item_schema"] if is_custom else LOGGED_ITEM}
    properties |= {"sample": SAMPLE_SCHEMA} if has_sample else {}
    schema = {"type": "object", "properties": properties, "required": [*properties]}
    return ShownConfig(type=config["type"], schema=schema, metadata=config.get("metadata"))


def _describe_usage(model: str, used: ModelUsage) -> ShownModelUsage:
    return ShownModelUsage(
        model_name=model,
        invocation_count=used.invocations,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        total_tokens=used.prompt_tokens + used.completion_tokens,
        cached_tokens=used.cached_tokens,
    )
