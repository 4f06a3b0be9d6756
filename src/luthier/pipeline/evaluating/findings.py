"""Two results become all that is known about the candidate besides: what it forgot, repeats, costs, and was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.conversation import Conversation
from luthier.engine.protocol import Surveyor
from luthier.engine.remote.address import is_remote
from luthier.errors import UsageError
from luthier.evaluation.contamination import find_contamination
from luthier.evaluation.costs import estimate_cost
from luthier.evaluation.forgetting.finding import Forgetting, NotMeasured
from luthier.evaluation.formats import are_references_json, check_format
from luthier.evaluation.gates.evidence import Findings
from luthier.evaluation.graders.registry import parse_grader
from luthier.pipeline.safeguards import check_judges, count_uses, gather_lessons, probe_canaries, probe_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.forgetting.benchmarks.question import Benchmark
    from luthier.evaluation.forgetting.measure import TaskTexts
    from luthier.evaluation.formats import FormatCheck
    from luthier.evaluation.graders.protocol import Grader
    from luthier.evaluation.latency import Latency
    from luthier.evaluation.memory import MemoryProbe
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.runner import Contestant
    from luthier.evaluation.task import EvalTask
    from luthier.evaluation.training_rows import Lessons
    from luthier.pipeline.evaluating.occasion import Occasion
    from luthier.pipeline.evaluating.plan import EvalPlan

FORMAT_OF_JSON = "valid-json"


def gather_findings(occasion: Occasion, results: Sequence[ModelResult], latency: tuple[Latency, ...]) -> Findings:
    """To be called with the engines still open. What could not be measured is named with the reason."""
    home, task = occasion.home, occasion.task
    known = gather_lessons(home, [result.model for result in results], data=occasion.data)
    own = known[occasion.candidate.model]
    forgetting, memory = find_forgetting(occasion, own), find_memory(occasion, results[-1], own)
    unmeasured = {
        key: found.reason
        for key, found in (("forgetting", forgetting), ("memory", memory))
        if isinstance(found, NotMeasured)
    }
    rate = home.settings.machine_dollars_per_hour
    timed = {each.model: each for each in latency}
    return Findings(
        forgetting=forgetting if isinstance(forgetting, Forgetting) else None,
        contamination=find_contamination(task.samples, known.values(), results=results),
        memory=None if isinstance(memory, NotMeasured) else memory,
        canaries=probe_canaries(own, occasion.candidate, task, results, file=occasion.plan.canaries),
        judges=check_judges(task, results, occasion.plan.human_labels),
        latency=latency,
        costs=tuple(estimate_cost(result, timed.get(result.model), rate) for result in results),
        uses=count_uses(home, results[-1], is_final=occasion.plan.is_final),
        format=find_format(occasion, results),
        unmeasured=unmeasured,
    )


def find_forgetting(occasion: Occasion, lessons: Lessons) -> Forgetting | NotMeasured:
    """Against what the candidate was tuned on, even when the baseline is another model and it was asked for."""
    wanted, candidate = True if occasion.benchmarks else occasion.plan.measures_forgetting, occasion.candidate
    if wanted is False or (wanted is None and not occasion.is_comparison):
        return NotMeasured("not asked for")
    if is_remote(candidate.model):
        return NotMeasured(f"{candidate.model} answers elsewhere, and its weights are not at hand")
    base = candidate.engine.identify(candidate.model).base
    if base == candidate.model:
        return NotMeasured(f"{candidate.model} is no tuned model")
    if wanted is None and base != occasion.contestants[0].model:
        return NotMeasured(f"{candidate.model} was not tuned on {occasion.contestants[0].model}; --forgetting asks")
    return measure_losses(occasion, base, lessons)


def measure_losses(occasion: Occasion, base: str, lessons: Lessons) -> Forgetting | NotMeasured:
    from luthier.evaluation.forgetting.measure import count_steps, measure_forgetting

    candidate, texts = occasion.candidate, gather_texts(occasion, lessons)
    steps = count_steps(texts, benchmarks=occasion.benchmarks)
    return measure_forgetting(
        candidate.engine,
        base,
        candidate.model,
        task=texts,
        folder=occasion.home.path,
        margins=occasion.settings.margins,
        benchmarks=occasion.benchmarks,
        on_progress=occasion.progress.count_up(f"{candidate.model} besides its task", steps),
    )


def find_benchmarks(plan: EvalPlan, candidate: Contestant) -> tuple[Benchmark, ...]:
    """Loaded and worded before any model is asked. Raises UsageError for a model of which they cannot be asked."""
    from luthier.evaluation.forgetting.benchmarks.measuring import load_benchmarks

    if not plan.benchmarks:
        return ()
    model, engine = candidate.model, candidate.engine
    if is_remote(model) or not isinstance(engine, Surveyor):
        raise UsageError(
            f"{model} is asked where nobody tells how likely a text is, which benchmarks need",
            hint="ask a model of this machine, with --engine torch",
        )
    if engine.identify(model).base == model:
        raise UsageError(
            f"{model} is no tuned model, so there is no base that it could be worse than",
            hint="name a tuned model as the last --model",
        )
    return load_benchmarks(plan.benchmarks, limit=plan.benchmark_limit)


def gather_texts(occasion: Occasion, lessons: Lessons) -> TaskTexts:
    """What is asked in the test and what was said in training, as far as its rows are still known."""
    from luthier.evaluation.forgetting.measure import TaskTexts

    return TaskTexts(
        prompts=tuple(Conversation(sample.prompt, sample.tools) for sample in occasion.task.samples),
        training_answers=tuple(row.conversation.answer.content for file in lessons.files for row in file.examples),
        unknown="" if lessons.depth == "rows" else explain_loss(lessons),
    )


def explain_loss(lessons: Lessons) -> str:
    some = "some of " if lessons.files else ""
    return f"{some}the training rows of {lessons.model} are not kept any more"


def find_memory(occasion: Occasion, result: ModelResult, lessons: Lessons) -> MemoryProbe | NotMeasured:
    wanted, candidate = occasion.plan.probes_memory, occasion.candidate
    if wanted is False or (wanted is None and not occasion.is_comparison):
        return NotMeasured("not asked for")
    probe = probe_memory(lessons, candidate, occasion.task, result, cache=occasion.cache)
    return probe or NotMeasured(f"no rows are kept here that {candidate.model} was trained on")


def find_format(occasion: Occasion, results: Sequence[ModelResult]) -> FormatCheck | None:
    grader = choose_format(occasion.settings.format, occasion.task)
    if grader is None or not occasion.is_comparison:
        return None
    return check_format(grader, occasion.task.samples, *results)


def choose_format(wanted: str, task: EvalTask) -> Grader | None:
    """Raises InvalidConfig or FileMissing for a form that is none."""
    if wanted == "none":
        return None
    if wanted == "auto":
        return parse_grader(FORMAT_OF_JSON) if are_references_json(task.samples) else None
    return parse_grader(wanted)
