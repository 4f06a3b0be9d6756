"""A grader, items and samples go in, a run with its reward for each comes out: one way for every kind of grader."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from luthier.errors import InvalidConfig, LuthierError, MachineError
from luthier.evaluation.graders.openai import judge
from luthier.evaluation.graders.openai.asking import Courtroom, ask_judge
from luthier.evaluation.graders.openai.coding import run_code
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
from luthier.evaluation.graders.openai.similarity import embed_ahead, measure_similarity
from luthier.evaluation.graders.openai.supervision import Supervision
from luthier.evaluation.graders.openai.template import FilledTooLong, PlaceMissing, fill_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import Embed, Engine, Request
    from luthier.evaluation.cache import OutputCache
    from luthier.evaluation.graders.openai.definition import Grader
    from luthier.evaluation.graders.openai.sample import Sample


T = TypeVar("T")

CODE_HINT = "`source` is Python that defines grade(sample, item), which returns a number"


@dataclass(frozen=True)
class Tools:
    """What graders work with. `find_model` turns the name in a grader into the engine's; it raises UnknownModel.

    With a `cache` no judge is asked the same twice.
    """

    engine: Engine
    embed: Embed
    find_model: Callable[[str], judge.Model]
    sandbox: Sandbox = field(default_factory=Sandbox)
    clock: Callable[[], float] = time.perf_counter
    """Seconds that only grow."""

    cache: OutputCache | None = None
    supervision: Supervision = field(default_factory=Supervision)
    """Of the run that they belong to."""


class Case(NamedTuple):
    """What a template may name: the row that was asked for, and what was answered."""

    item: Any
    sample: Sample

    def list_places(self) -> dict[str, Any]:
        return {"item": self.item, "sample": self.sample.list_places()}


def grade(grader: Grader, item: Any, sample: Sample, *, tools: Tools) -> GraderRun:
    """As `grade_many`, with the time that it took."""
    start = tools.clock()
    (run,) = grade_many(grader, [Case(item, sample)], tools=tools)
    return replace(run, seconds=tools.clock() - start)


def grade_many(grader: Grader, cases: Sequence[Case], *, tools: Tools) -> list[GraderRun]:
    """In their order; models are asked for all cases at once, and code is run for several beside each other.

    What a grader cannot judge is a run with `errors`, so that one case in a thousand ends nothing. Raises MachineError,
    IsolationMissing among them, and UnknownModel: with these no case can be judged.
    """
    match grader:
        case Multi():
            runs = _grade_multi(grader, cases, tools)
        case ScoreModel() | LabelModel():
            runs = _judge(grader, cases, tools)
        case PythonCode():
            runs = run_code(grader, cases, tools.sandbox, supervision=tools.supervision)
        case StringCheck():
            runs = [_fill(case, lambda places: _check_string(grader, places)) for case in cases]
        case TextSimilarity():
            runs = _compare_texts(grader, cases, tools.embed)
    return [_decide(run, grader) for run in runs]


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
        raise InvalidConfig(f"source: {fault}", hint=CODE_HINT)


def _decide(run: GraderRun, grader: Grader) -> GraderRun:
    if run.passed is not None or grader.pass_threshold is None:
        return run
    return replace(run, passed=run.reward >= grader.pass_threshold)


def _fill(case: Case, use: Callable[[dict[str, Any]], T]) -> T | GraderRun:
    """What comes of the places of a case, or a run that says what is missing there."""
    try:
        return use(case.list_places())
    except PlaceMissing as error:
        if error.place.startswith("sample.output_json") and not case.sample.is_json:
            return fail("the sample is no JSON", GraderErrors(sample_parse_error=True))
        return fail(str(error), GraderErrors(invalid_variable_error=True))
    except FilledTooLong as error:
        return fail(str(error), GraderErrors(other_error=True))


def _judge(grader: ScoreModel | LabelModel, cases: Sequence[Case], tools: Tools) -> list[GraderRun]:
    model = tools.find_model(grader.model)
    asked = [_fill(case, lambda places: judge.request_judgement(grader, places, model=model)) for case in cases]
    requests: list[Request] = [each for each in asked if not isinstance(each, GraderRun)]
    count_up = tools.supervision.audience.count_up
    outcomes = iter(
        ask_judge(
            requests,
            Courtroom(tools.engine, tools.cache, count_up(f"the judge {grader.model}", len(requests))),
            is_readable=lambda response: not judge.read_judgement(grader, response, model=model).errors.has_any,
        )
    )
    return [
        each if isinstance(each, GraderRun) else judge.read_judgement(grader, next(outcomes), model=model)
        for each in asked
    ]


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


class _Texts(NamedTuple):
    text: str
    reference: str


def _compare_texts(grader: TextSimilarity, cases: Sequence[Case], embed: Embed) -> list[GraderRun]:
    filled = [_fill(case, lambda places: _fill_texts(grader, places)) for case in cases]
    pairs = [each for each in filled if not isinstance(each, GraderRun)]
    if grader.evaluation_metric == "cosine" and len(pairs) > 1:
        embed = embed_ahead(embed, [text for pair in pairs for text in pair])
    return [each if isinstance(each, GraderRun) else _measure(grader, each, embed) for each in filled]


def _fill_texts(grader: TextSimilarity, places: dict[str, Any]) -> _Texts:
    return _Texts(fill_template(grader.input, places), fill_template(grader.reference, places))


def _measure(grader: TextSimilarity, pair: _Texts, embed: Embed) -> GraderRun:
    try:
        return GraderRun(measure_similarity(grader.evaluation_metric, pair.text, pair.reference, embed=embed))
    except MachineError:
        raise
    except LuthierError as error:
        return fail(error.message, GraderErrors(other_error=True))


def _grade_multi(grader: Multi, cases: Sequence[Case], tools: Tools) -> list[GraderRun]:
    columns = {name: grade_many(each, cases, tools=tools) for name, each in grader.graders.items()}
    return [_combine(grader, {name: column[place] for name, column in columns.items()}) for place in range(len(cases))]


def _combine(grader: Multi, runs: dict[str, GraderRun]) -> GraderRun:
    """An error of any grader is one of the whole: a formula over a reward that means nothing means nothing."""
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
