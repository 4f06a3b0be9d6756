"""A task and the name of a model go in, the model's graded answers come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.engine.protocol import Request
from luthier.evaluation.cache import cache_key, is_repeatable
from luthier.evaluation.result import EvalManifest, ModelResult, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.engine.protocol import Engine, ModelIdentity, Response
    from luthier.evaluation.cache import OutputCache
    from luthier.evaluation.result import OutcomeKind
    from luthier.evaluation.task import EvalTask, Sample


def run_evaluation(
    engine: Engine,
    model: str,
    task: EvalTask,
    *,
    cache: OutputCache | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ModelResult:
    """`on_progress` is called with the number of samples answered since the last call, kept answers included."""
    identity = engine.identify(model)
    if cache is None or not is_repeatable(task.sampling):
        responses = ask_engine(engine, model, task, task.samples, on_progress)
    else:
        responses = ask_with_cache(engine, identity, task, cache, on_progress)
    outcomes = tuple(
        judge_response(sample, response, task, identity)
        for sample, response in zip(task.samples, responses, strict=True)
    )
    return ModelResult(describe_conditions(engine, identity, task), outcomes)


def ask_engine(
    engine: Engine,
    model: str,
    task: EvalTask,
    samples: tuple[Sample, ...],
    on_progress: Callable[[int], None] | None,
) -> list[Response]:
    requests = [Request(model, sample.prompt, task.sampling) for sample in samples]
    return engine.generate(requests, on_progress=on_progress)


def ask_with_cache(
    engine: Engine,
    identity: ModelIdentity,
    task: EvalTask,
    cache: OutputCache,
    on_progress: Callable[[int], None] | None,
) -> list[Response]:
    keys = {sample.id: cache_key(identity, engine.name, task.sampling, sample) for sample in task.samples}
    known = {sample.id: kept for sample in task.samples if (kept := cache.find(keys[sample.id]))}
    if known and on_progress is not None:
        on_progress(len(known))
    unknown = tuple(sample for sample in task.samples if sample.id not in known)
    if unknown:
        responses = ask_engine(engine, identity.name, task, unknown, on_progress)
        for sample, response in zip(unknown, responses, strict=True):
            cache.keep(keys[sample.id], response)
            known[sample.id] = response
    return [known[sample.id] for sample in task.samples]


def judge_response(sample: Sample, response: Response, task: EvalTask, identity: ModelIdentity) -> Outcome:
    kind: OutcomeKind = "truncated"
    if response.finish_reason == "length":
        explanation = f"cut off after {response.completion_tokens} tokens, so not graded"
    else:
        grade = task.grader.grade(response.text, sample.reference)
        kind, explanation = "passed" if grade.passed else "failed", grade.explanation
    return Outcome(
        sample_id=sample.id,
        line=sample.line,
        output=response.text,
        kind=kind,
        explanation=explanation,
        prompt_hash=response.prompt_hash,
        prompt_tokens=response.prompt_tokens,
        completion_tokens=response.completion_tokens,
        was_trained_on=sample.fingerprint in identity.trained_on,
    )


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
    )
