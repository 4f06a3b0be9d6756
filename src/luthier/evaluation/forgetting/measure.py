"""A tuned model and its base go in, and what was lost beside the task comes out, family by family.

The suite is Luthier's own and the same for every model, so what a base says to it is asked once and then known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.engine.protocol import Surveyor
from luthier.evaluation.forgetting.behaviour import judge_behaviour
from luthier.evaluation.forgetting.benchmarks.measuring import count_questions, measure_benchmarks
from luthier.evaluation.forgetting.cloze import count_ends, judge_gaps
from luthier.evaluation.forgetting.drift import judge_drift
from luthier.evaluation.forgetting.finding import Forgetting, NotMeasured
from luthier.evaluation.forgetting.instructions import judge_probes
from luthier.evaluation.forgetting.leakage import judge_leakage, learn_phrases, list_usual
from luthier.evaluation.forgetting.margins import DEFAULT_MARGINS
from luthier.evaluation.forgetting.material import load_material
from luthier.evaluation.forgetting.remedies import list_remedies
from luthier.evaluation.forgetting.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from luthier.conversation import Conversation
    from luthier.engine.protocol import Engine
    from luthier.evaluation.forgetting.benchmarks.question import Benchmark
    from luthier.evaluation.forgetting.finding import Family
    from luthier.evaluation.forgetting.margins import Margins
    from luthier.evaluation.forgetting.material import Material

MOST_PROMPTS = 64
"""Of the task, evenly taken: as many as there are passages."""


@dataclass(frozen=True)
class TaskTexts:
    """`prompts` are held-out ones, each up to where its answer begins. Of training answers that are not known no word
    can be found again elsewhere; `unknown` says why they are not, or not all of them."""

    prompts: tuple[Conversation, ...] = ()
    training_answers: tuple[str, ...] = ()
    unknown: str = ""

    def choose_prompts(self) -> tuple[Conversation, ...]:
        count = min(len(self.prompts), MOST_PROMPTS)
        return tuple(self.prompts[place * len(self.prompts) // count] for place in range(count))


def measure_forgetting(
    engine: Engine,
    baseline: str,
    candidate: str,
    *,
    task: TaskTexts = TaskTexts(),
    folder: Path | None = None,
    margins: Margins = DEFAULT_MARGINS,
    material: Material | None = None,
    benchmarks: Sequence[Benchmark] = (),
    on_progress: Callable[[int], None] = lambda done: None,
) -> Forgetting | NotMeasured:
    """`baseline` is what the candidate was tuned on. Under `folder` answers and scores are kept for the next time; the
    `material` is that which comes with Luthier.

    `on_progress` is called with the number of items done since the last call, of `count_steps` in all.
    """
    material = material or load_material()
    if not isinstance(engine, Surveyor):
        return NotMeasured(f"{engine.name} does not say how likely a text is to a model")
    models = engine.identify(baseline), engine.identify(candidate)
    if models[0].template_hash != models[1].template_hash:
        return NotMeasured(f"{baseline} and {candidate} do not read texts as the same tokens")
    session = Session(engine, engine, models, folder, on_progress)
    on_task = session.drift_on_prompts(task.choose_prompts())
    families = (
        *_examine(session, material, task, margins),
        *measure_benchmarks(session, benchmarks, margin=margins.benchmarks),
    )
    return Forgetting(
        suite=material.version,
        baseline=baseline,
        candidate=candidate,
        families=families,
        on_task_kl=on_task.divergence,
        remedies=list_remedies(families),
        unsearched=explain_unsearched(task),
    )


def explain_unsearched(task: TaskTexts) -> str:
    if task.training_answers and task.unknown:
        return f"the task's words were looked for elsewhere only in part: {task.unknown}"
    if not any(task.training_answers):
        why = task.unknown or ("the training answers hold none" if task.training_answers else "no answer is known")
        return f"the task's words were not looked for elsewhere: {why}"
    return ""


def count_steps(task: TaskTexts, material: Material | None = None, *, benchmarks: Sequence[Benchmark] = ()) -> int:
    material = material or load_material()
    surveyed = len(task.choose_prompts()) + len(material.passages)
    asked = 2 * (count_ends(material.gaps) + len(material.probes) + len(material.questions))
    return surveyed + asked + count_questions(benchmarks)


def _examine(session: Session, material: Material, task: TaskTexts, margins: Margins) -> Iterator[Family]:
    passages, gaps, probes = material.passages, material.gaps, material.probes
    yield judge_drift(session.drift_on(passages), passages, margin=margins.general_text)
    yield judge_gaps(gaps, *session.fill_gaps(gaps), margin=margins.knowledge)
    baseline, candidate = session.ask([*(probe.prompt for probe in probes), *material.questions])
    texts = [[said.text for said in each[: len(probes)]] for each in (baseline, candidate)]
    yield judge_probes(probes, *texts, margin=margins.instructions)
    yield judge_behaviour(baseline, candidate, margin=margins.behaviour)
    if any(task.training_answers):
        lessons = learn_phrases(task.training_answers)
        questions = slice(len(probes), None)
        usual = [*passages, *(said.text for said in baseline)]
        yield judge_leakage(
            baseline[questions], candidate[questions], lessons, usual=list_usual(usual), margin=margins.leakage
        )
