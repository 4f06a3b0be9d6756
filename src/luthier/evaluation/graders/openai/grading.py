"""A grader, an item and a sample go in, a run with its reward comes out: one function for every kind of grader."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, assert_never

from luthier.errors import InvalidConfig, LuthierError, MachineError
from luthier.evaluation.graders.openai import judge
from luthier.evaluation.graders.openai.confinement.sandbox import Sandbox
from luthier.evaluation.graders.openai.definition import (
    LabelModel,
    Multi,
    PythonCode,
    ScoreModel,
    StringCheck,
    TextSimilarity,
)
from luthier.evaluation.graders.openai.formula import calculate
from luthier.evaluation.graders.openai.outcome import GraderErrors, GraderRun, TokenUsage, fail, merge_errors
from luthier.evaluation.graders.openai.similarity import measure_similarity
from luthier.evaluation.graders.openai.template import FilledTooLong, PlaceMissing, fill_template

if TYPE_CHECKING:
    from luthier.engine.protocol import Embed, Engine
    from luthier.evaluation.graders.openai.definition import Grader, SingleGrader
    from luthier.evaluation.graders.openai.sample import Sample


@dataclass(frozen=True)
class Tools:
    """What graders work with. `find_model` turns the name in a grader into the engine's; it raises UnknownModel."""

    engine: Engine
    embed: Embed
    find_model: Callable[[str], judge.Model]
    sandbox: Sandbox = field(default_factory=Sandbox)
    clock: Callable[[], float] = time.perf_counter
    """Seconds that only grow."""


def grade(grader: Grader, item: Any, sample: Sample, *, tools: Tools) -> GraderRun:
    """What a grader cannot judge is a run with `errors`, so that one case in a thousand ends nothing.

    Raises MachineError, IsolationMissing among them, and UnknownModel: with these no case can be judged.
    """
    start = tools.clock()
    run = (
        _grade_multi(grader, item, sample, tools) if isinstance(grader, Multi) else _grade(grader, item, sample, tools)
    )
    if run.passed is None and grader.pass_threshold is not None:
        run = replace(run, passed=run.reward >= grader.pass_threshold)
    return replace(run, seconds=tools.clock() - start)


def check_grader(grader: Grader, *, tools: Tools) -> None:
    """What only the machine can tell about a grader: its models and its code.

    Raises UnknownModel, InvalidConfig for code that cannot grade, and IsolationMissing.
    """
    if isinstance(grader, Multi):
        for each in grader.graders.values():
            check_grader(each, tools=tools)
    elif isinstance(grader, ScoreModel | LabelModel):
        tools.find_model(grader.model)
    elif isinstance(grader, PythonCode) and (fault := tools.sandbox.check(grader.source)) is not None:
        raise InvalidConfig(f"source: {fault}")


def _grade(grader: SingleGrader, item: Any, sample: Sample, tools: Tools) -> GraderRun:
    try:
        return _dispatch(grader, item, sample, tools)
    except PlaceMissing as error:
        if error.place.startswith("sample.output_json") and not sample.is_json:
            return fail("the sample is no JSON", GraderErrors(sample_parse_error=True))
        return fail(str(error), GraderErrors(invalid_variable_error=True))
    except FilledTooLong as error:
        return fail(str(error), GraderErrors(other_error=True))


def _dispatch(grader: SingleGrader, item: Any, sample: Sample, tools: Tools) -> GraderRun:
    """Raises PlaceMissing and FilledTooLong."""
    places = {"item": item, "sample": sample.list_places()}
    match grader:
        case StringCheck():
            return _check_string(grader, places)
        case TextSimilarity():
            return _compare_texts(grader, places, tools.embed)
        case ScoreModel():
            return judge.score(grader, places, engine=tools.engine, model=tools.find_model(grader.model))
        case LabelModel():
            return judge.label(grader, places, engine=tools.engine, model=tools.find_model(grader.model))
        case PythonCode():
            return _run_code(grader, item, sample, tools.sandbox)
        case _:
            assert_never(grader)


def _check_string(grader: StringCheck, places: dict[str, Any]) -> GraderRun:
    text, reference = fill_template(grader.input, places), fill_template(grader.reference, places)
    match grader.operation:
        case "eq":
            has_passed = text == reference
        case "ne":
            has_passed = text != reference
        case "like":
            has_passed = reference in text
        case "ilike":
            has_passed = reference.casefold() in text.casefold()
    return GraderRun(float(has_passed), has_passed)


def _compare_texts(grader: TextSimilarity, places: dict[str, Any], embed: Embed) -> GraderRun:
    text, reference = fill_template(grader.input, places), fill_template(grader.reference, places)
    try:
        return GraderRun(measure_similarity(grader.evaluation_metric, text, reference, embed=embed))
    except MachineError:
        raise
    except LuthierError as error:
        return fail(error.message, GraderErrors(other_error=True))


def _run_code(grader: PythonCode, item: Any, sample: Sample, sandbox: Sandbox) -> GraderRun:
    verdict = sandbox.grade(grader.source, sample=sample.to_openai(), item=item)
    if verdict.fault is None:
        return GraderRun(verdict.value)
    if verdict.was_stopped:
        errors = GraderErrors(python_grader_server_error=True, python_grader_server_error_type=verdict.fault)
    else:
        errors = GraderErrors(python_grader_runtime_error=True, python_grader_runtime_error_details=verdict.fault)
    return fail(verdict.fault, errors)


def _grade_multi(grader: Multi, item: Any, sample: Sample, tools: Tools) -> GraderRun:
    """An error of any grader is one of the whole: a formula over a reward that means nothing means nothing."""
    runs = {name: grade(each, item, sample, tools=tools) for name, each in grader.graders.items()}
    rewards = {name: run.reward for name, run in runs.items()}
    usage: dict[str, TokenUsage] = {}
    for run in runs.values():
        for model, used in run.usage.items():
            usage[model] = usage.get(model, TokenUsage()).add(used)
    explanation = "\n".join(f"{name}: {run.explanation}" for name, run in runs.items() if run.explanation)
    errors = merge_errors(run.errors for run in runs.values())
    if errors.has_any:
        return replace(fail(explanation, errors, usage=usage), sub_rewards=rewards)
    try:
        reward = calculate(grader.calculate_output, rewards)
    except ValueError as error:
        errors = GraderErrors(formula_parse_error=True)
        return replace(fail(str(error), errors, usage=usage), sub_rewards=rewards)
    return GraderRun(reward, sub_rewards=rewards, usage=usage, explanation=explanation)
