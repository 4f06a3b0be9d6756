"""The criteria of an eval, each a grader of OpenAI's, read from their JSON and asked what they find of one answer."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.openai.definition import (
    LabelModel,
    Multi,
    PythonCode,
    ScoreModel,
    StringCheck,
    TextSimilarity,
    read_grader,
)
from luthier.evaluation.graders.openai.grading import check_grader, grade
from luthier.evaluation.graders.openai.places import list_templates
from luthier.store.eval_runs import ModelUsage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from luthier.evaluation.graders.openai.definition import SingleGrader
    from luthier.evaluation.graders.openai.grading import Tools
    from luthier.evaluation.graders.openai.outcome import GraderRun
    from luthier.evaluation.graders.openai.sample import Sample
    from luthier.pipeline.evals.item_schema import ItemSchema

GREATEST = 1.0


class Criterion(NamedTuple):
    """`label` is its name and an id that no other criterion has, as results are called."""

    label: str
    grader: SingleGrader


class Verdict(NamedTuple):
    """`passed` is None where the criterion erred, and then `problem` says why; `result` is as the API shows it."""

    passed: bool | None
    problem: str
    result: dict[str, Any]
    usage: Mapping[str, ModelUsage]


def read_criteria(eval_id: str, definitions: Sequence[object]) -> tuple[Criterion, ...]:
    """Raises InvalidConfig."""
    return tuple(
        Criterion(label_criterion(eval_id, place, grader.name), grader)
        for place, grader in enumerate(map(read_criterion, definitions))
    )


def label_criterion(eval_id: str, place: int, name: str) -> str:
    """Its name, and an id that is the same each time; `place` is where it stands among the eval's criteria."""
    return f"{name}-{uuid5(NAMESPACE_URL, f'{eval_id}/{place}')}"


def read_criterion(definition: object) -> SingleGrader:
    """Raises InvalidConfig for what is no grader, and for one that an eval does not take."""
    grader = read_grader(definition)
    if isinstance(grader, Multi):
        raise InvalidConfig("a multi grader is no criterion of an eval", hint="list its graders one by one")
    if not grader.name:
        raise InvalidConfig("name: a criterion of an eval needs one", hint="results are called by it")
    if isinstance(grader, TextSimilarity) and grader.pass_threshold is None:
        raise InvalidConfig("pass_threshold: text_similarity needs one in an eval", hint="a number from 0 to 1")
    if isinstance(grader, StringCheck | LabelModel) and grader.pass_threshold is not None:
        raise InvalidConfig(f"pass_threshold: {grader.type} has none", hint="it says itself what has passed")
    return grader


def check_criterion(grader: SingleGrader, *, schema: ItemSchema | None, tools: Tools) -> None:
    """Raises InvalidConfig for code that cannot grade and a place that no item has, UnknownModel, IsolationMissing."""
    check_grader(grader, tools=tools)
    if schema is not None:
        schema.check_places(list_templates(grader))


def judge(
    criterion: Criterion,
    item: dict[str, Any],
    sample: Sample,
    *,
    tools: Tools,
    code_slot: AbstractContextManager[object] | None = None,
) -> Verdict:
    """`code_slot` is held while code runs, which may take a whole core. Raises as `grade` does."""
    grader = criterion.grader
    with code_slot if code_slot is not None and isinstance(grader, PythonCode) else nullcontext():
        run = grade(grader, item, sample, tools=tools)
    has_erred = run.errors.has_any
    passed = None if has_erred else has_passed(grader, run)
    result = {
        "name": criterion.label,
        "type": grader.type,
        "score": run.reward,
        "passed": bool(passed),
        "sample": _describe(run),
    }
    usage = {
        model: ModelUsage(1, used.prompt_tokens, used.completion_tokens, used.cached_tokens)
        for model, used in run.usage.items()
    }
    return Verdict(passed, f"{grader.name}: {run.explanation}" if has_erred else "", result, usage)


def has_passed(grader: SingleGrader, run: GraderRun) -> bool:
    """Where neither grader nor threshold says it, the greatest score alone is good enough."""
    if run.passed is not None:
        return run.passed
    greatest = grader.range[1] if isinstance(grader, ScoreModel) and grader.range else GREATEST
    return run.reward >= greatest


def _describe(run: GraderRun) -> dict[str, Any] | None:
    """What there is to say beside the score: a judge's steps, or what went wrong."""
    errors = [name for name in run.errors.__slots__ if getattr(run.errors, name) is True]
    told = {"explanation": run.explanation, "errors": errors}
    return told if run.explanation or errors else None
