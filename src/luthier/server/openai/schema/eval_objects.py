"""What clients get to see of evals, their runs, and what came of each item."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from luthier.server.openai.schema.page import Listed
from luthier.store.eval_runs import ItemStatus, RunStatus


class ShownConfig(BaseModel):
    """`schema` is that of a whole row, `item` and `sample` together."""

    type: Literal["custom", "logs", "stored_completions"]
    schema_: dict[str, Any] = Field(alias="schema")
    metadata: dict[str, str] | None = None


class Eval(Listed):
    object: Literal["eval"] = "eval"
    name: str
    data_source_config: ShownConfig
    testing_criteria: list[dict[str, Any]]
    created_at: int
    metadata: dict[str, str] | None


class DeletedEval(BaseModel):
    object: Literal["eval.deleted"] = "eval.deleted"
    deleted: Literal[True] = True
    eval_id: str


class ApiError(BaseModel):
    """Both are empty where nothing went wrong."""

    code: str
    message: str


class ResultCounts(BaseModel):
    """`total` counts the items of the run, whether or not they are done."""

    total: int
    errored: int
    failed: int
    passed: int


class ShownModelUsage(BaseModel):
    """Of the model that was asked, or of one that judged."""

    model_name: str
    invocation_count: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int


class CriterionResult(BaseModel):
    testing_criteria: str
    """The name of the criterion and an id of its own, as in the results of the items."""

    passed: int
    failed: int


class EvalRun(Listed):
    object: Literal["eval.run"] = "eval.run"
    eval_id: str
    status: RunStatus
    model: str
    name: str
    created_at: int
    report_url: str
    """A page with the run's results, for whoever sends a key with it."""

    result_counts: ResultCounts
    per_model_usage: list[ShownModelUsage]
    per_testing_criteria_results: list[CriterionResult]
    data_source: dict[str, Any]
    metadata: dict[str, str] | None
    error: ApiError


class DeletedRun(BaseModel):
    object: Literal["eval.run.deleted"] = "eval.run.deleted"
    deleted: Literal[True] = True
    run_id: str


class CriterionFinding(BaseModel):
    name: str
    type: str
    score: float
    passed: bool
    sample: dict[str, Any] | None
    """A judge's steps, or what kept the criterion from judging."""


class OutputItem(Listed):
    """`status` is `error` where the model did not answer or a criterion could not judge."""

    object: Literal["eval.run.output_item"] = "eval.run.output_item"
    run_id: str
    eval_id: str
    created_at: int
    status: ItemStatus
    datasource_item_id: int
    datasource_item: dict[str, Any]
    results: list[CriterionFinding]
    sample: dict[str, Any]
