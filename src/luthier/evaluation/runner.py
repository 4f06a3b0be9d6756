"""A task and the names of models go in, each model's graded answers come out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier import __version__
from luthier.conversation import fingerprint_json
from luthier.engine.asking import await_each
from luthier.engine.protocol import PromptHasher, Request
from luthier.errors import DataError, DeadlineExceeded, InvalidRequest, LuthierError
from luthier.evaluation.cache import cache_key, is_repeatable
from luthier.evaluation.graders.protocol import find_definition
from luthier.evaluation.judgement import judge_responses, list_graders
from luthier.evaluation.result import EvalManifest, ModelResult, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import Engine, ModelIdentity, Response
    from luthier.evaluation.cache import OutputCache
    from luthier.evaluation.judgement import Judgement
    from luthier.evaluation.task import EvalTask, Sample

CONCERNS_ONE_SAMPLE = (DataError, DeadlineExceeded, InvalidRequest)
"""After any other error no further answer is to be expected."""

OnProgress = Callable[[str, int], None]


class Contestant(NamedTuple):
    """A model and the engine that answers for it; several may share one engine, and then share its batches."""

    engine: Engine
    model: str


@dataclass(eq=False)
class Sitting:
    """One contestant at the task: `outcomes` are by the place of the sample."""

    contestant: Contestant
    identity: ModelIdentity
    requests: list[Request]
    keys: list[str] = field(default_factory=list)
    outcomes: dict[int, Response | LuthierError] = field(default_factory=dict)


class Question(NamedTuple):
    sitting: Sitting
    place: int


def run_evaluation(
    engine: Engine,
    model: str,
    task: EvalTask,
    *,
    cache: OutputCache | None = None,
    on_progress: Callable[[int], None] = lambda answered: None,
) -> ModelResult:
    """`on_progress` is called with the number of samples answered since the last call, kept answers included."""
    (result,) = run_evaluations(
        [Contestant(engine, model)], task, cache=cache, on_progress=lambda model, answered: on_progress(answered)
    )
    return result


def run_evaluations(
    contestants: Sequence[Contestant],
    task: EvalTask,
    *,
    cache: OutputCache | None = None,
    on_progress: OnProgress = lambda model, answered: None,
) -> list[ModelResult]:
    """All are asked at once. A sample that cannot be answered is counted as such; an engine that fails ends it all, and
    so does a model that has no answer to any sample, with the first of its errors."""
    kept = cache if is_repeatable(task.sampling) else None
    sittings = [open_sitting(contestant, task) for contestant in contestants]
    for sitting in sittings:
        if kept is not None and (found := find_kept(sitting, kept)):
            on_progress(sitting.contestant.model, found)
    ask_the_rest(sittings, kept, on_progress)
    return [close_sitting(sitting, task) for sitting in sittings]


def open_sitting(contestant: Contestant, task: EvalTask) -> Sitting:
    engine, model = contestant
    identity = engine.identify(model)
    requests = [
        Request(model, sample.prompt, task.sampling, tools=sample.tools, structure=task.structure)
        for sample in task.samples
    ]
    return Sitting(contestant, identity, requests)


def find_prompt_hash(engine: Engine, request: Request) -> str:
    """Empty where the engine cannot tell, or will say in the answer what is wrong with the request."""
    if not isinstance(engine, PromptHasher):
        return ""
    try:
        return engine.hash_prompt(request)
    except CONCERNS_ONE_SAMPLE:
        return ""


def find_kept(sitting: Sitting, cache: OutputCache) -> int:
    """How many answers are there already."""
    engine = sitting.contestant.engine
    sitting.keys = [
        cache_key(sitting.identity, engine.name, request, prompt_hash=find_prompt_hash(engine, request))
        for request in sitting.requests
    ]
    for place, key in enumerate(sitting.keys):
        if response := cache.find(key):
            sitting.outcomes[place] = response
    return len(sitting.outcomes)


def ask_the_rest(sittings: list[Sitting], cache: OutputCache | None, on_progress: OnProgress) -> None:
    """One model after the other, all without waiting: where the rows of one run out, those of the next move up."""
    questions = [
        Question(sitting, place)
        for sitting in sittings
        for place in range(len(sitting.requests))
        if place not in sitting.outcomes
    ]
    answers = [sitting.contestant.engine.submit(sitting.requests[place]) for sitting, place in questions]
    with closing(await_each(answers)) as ended:
        for number, outcome in ended:
            sitting, place = questions[number]
            if not isinstance(outcome, LuthierError):
                if cache is not None:
                    cache.keep(sitting.keys[place], outcome)
            elif not isinstance(outcome, CONCERNS_ONE_SAMPLE):
                raise outcome
            sitting.outcomes[place] = outcome
            on_progress(sitting.contestant.model, 1)


def close_sitting(sitting: Sitting, task: EvalTask) -> ModelResult:
    first = sitting.outcomes[0]
    if isinstance(first, LuthierError) and all(isinstance(each, LuthierError) for each in sitting.outcomes.values()):
        raise first
    responses = {place: outcome for place, outcome in sitting.outcomes.items() if not isinstance(outcome, LuthierError)}
    samples = [task.samples[place] for place in responses]
    judgements = dict(zip(responses, judge_responses(samples, list(responses.values()), task), strict=True))
    outcomes = []
    for place, sample in enumerate(task.samples):
        outcome, has_seen = sitting.outcomes[place], sample.fingerprint in sitting.identity.trained_on
        if isinstance(outcome, LuthierError):
            outcomes.append(record_silence(sample, outcome, was_trained_on=has_seen))
        else:
            outcomes.append(record_answer(sample, outcome, judgements[place], was_trained_on=has_seen))
    conditions = describe_conditions(sitting.contestant.engine, sitting.identity, task)
    prompts = fingerprint_json([outcome.prompt_hash for outcome in outcomes])
    return ModelResult(replace(conditions, prompts_hash=prompts), tuple(outcomes))


def record_silence(sample: Sample, error: LuthierError, *, was_trained_on: bool) -> Outcome:
    return Outcome(
        sample_id=sample.id,
        line=sample.line,
        output="",
        kind="unanswered",
        explanation=error.message,
        prompt_hash="",
        prompt_tokens=0,
        completion_tokens=0,
        was_trained_on=was_trained_on,
        error=error.code,
    )


def record_answer(sample: Sample, response: Response, judgement: Judgement, *, was_trained_on: bool) -> Outcome:
    grade = judgement.grade
    return Outcome(
        sample_id=sample.id,
        line=sample.line,
        output=response.text,
        kind=judgement.kind,
        explanation=grade.explanation,
        prompt_hash=response.prompt_hash,
        prompt_tokens=response.prompt_tokens,
        completion_tokens=response.completion_tokens,
        was_trained_on=was_trained_on,
        tool_calls=response.tool_calls,
        cost_dollars=response.cost_dollars,
        error=grade.error,
        score=grade.points if judgement.kind in ("passed", "failed") else 0.0,
        fields=grade.fields,
        label=grade.label,
        others=judgement.others,
        mean_log_prob=find_mean_log_prob(response),
    )


def find_mean_log_prob(response: Response) -> float | None:
    tokens = response.log_probs
    return sum(token.log_prob for token in tokens) / len(tokens) if tokens else None


def describe_conditions(engine: Engine, identity: ModelIdentity, task: EvalTask) -> EvalManifest:
    return EvalManifest(
        task=task.name,
        data_fingerprint=task.data_fingerprint,
        grader=task.grader.name,
        sampling=task.sampling,
        engine=engine.name,
        model=identity.name,
        base=identity.base,
        weights_hash=identity.weights_hash,
        template_hash=identity.template_hash,
        structure=task.structure,
        criteria=tuple(criterion.grader.name for criterion in task.criteria),
        grader_hash=fingerprint_json([find_definition(grader) for grader in list_graders(task)]),
        cases_hash=fingerprint_json([describe_sample(sample) for sample in task.samples]),
        version=__version__,
    )


def describe_sample(sample: Sample) -> list[Any]:
    calls = [[call.name, call.arguments] for call in sample.reference_calls]
    return [sample.id, sample.fingerprint, sample.reference, calls, sample.cluster]
