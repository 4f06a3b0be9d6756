"""What somebody chose about an evaluation becomes a plan of it, with everything that can be refused refused at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from luthier.engine.protocol import Sampling
from luthier.errors import InvalidConfig
from luthier.pipeline.engines import read_structure
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.data.dataset import Dataset
    from luthier.engine.protocol import Engine
    from luthier.evaluation.gates.settings import GateSettings
    from luthier.evaluation.task import Criterion, EvalTask
    from luthier.store.home import Home

USUAL_MARGIN = 0.05
"""What a guardrail without a margin may lose."""

OWN_TEXT = re.compile(r"[:=]|\.json$")


class EvalChoices(TypedDict, total=False):
    """What the caller chose; the names and meanings are those of `EvalPlan`."""

    grader: str
    sampling: Sampling
    structure: str | None
    also: Sequence[str]
    guardrails: Sequence[str]
    cluster: str
    gates: Path | str | Mapping[str, Any] | None
    human_labels: Path | None
    canaries: Path | None
    measures_forgetting: bool | None
    probes_memory: bool | None
    measures_latency: bool | None
    benchmarks: Sequence[str]
    benchmark_limit: int
    asks_calibration: bool
    is_final: bool


@dataclass(frozen=True, slots=True)
class EvalPlan:
    """All that a report depends on besides the models and the rows."""

    grader: str = "exact"
    """What the verdict rests on: one of the forms of `parse_grader`."""

    sampling: Sampling = Sampling()
    """How answers are drawn."""

    structure: str | None = None
    """Holds every answer to a form: json, schema:FILE, regex:PATTERN or choice:A|B."""

    also: Sequence[str] = ()
    """Further graders, which are told beside the first and decide nothing."""

    guardrails: Sequence[str] = ()
    """Graders by which the candidate may not get worse, each with what it may lose: `valid-json~0.05`."""

    cluster: str = ""
    """Key of the rows' metadata; rows with one value of it are not independent of each other."""

    gates: Path | str | Mapping[str, Any] | None = None
    """What is asked of a model before it is shipped: a TOML file, or its keys; None: `gates` of luthier.toml."""

    human_labels: Path | None = None
    """What people said of answers that a judge is asked about, without which its word decides nothing."""

    canaries: Path | None = None
    """The planted secrets to look for; None for those that the training rows are known to hold."""

    measures_forgetting: bool | None = None
    """Whether a tuned model is held against its base on what it was not trained for; None: when that is compared."""

    probes_memory: bool | None = None
    """Whether a tuned model is asked rows that it was trained on too; None: when they can be found."""

    measures_latency: bool | None = None
    """Whether some cases are asked for alone, to time them; None: of models of this machine, once."""

    benchmarks: Sequence[str] = ()
    """Tasks of lm-eval, or YAML files with one, on which a tuned model is held against its base too."""

    benchmark_limit: int = 200
    """How many rows of each benchmark are asked."""

    asks_calibration: bool = False
    """Whether it is seen how sure a model was of each answer, which needs log-probabilities."""

    is_final: bool = False
    """Marks the one use of this test that decides; a second one of another model is warned of."""


class GuardrailChoice(NamedTuple):
    grader: str
    margin: float


def build_plan(choices: EvalChoices) -> EvalPlan:
    plan = EvalPlan(**choices)
    for guardrail in plan.guardrails:
        read_guardrail(guardrail)
    if plan.benchmark_limit < 1:
        raise InvalidConfig(f"{plan.benchmark_limit} rows of a benchmark show nothing", hint="ask at least one")
    if plan.benchmarks and plan.measures_forgetting is False:
        raise InvalidConfig(
            "benchmarks are part of what may be forgotten, and that is not to be measured",
            hint="leave out --benchmark, or --no-forgetting",
        )
    return plan


def read_guardrail(text: str) -> GuardrailChoice:
    """`GRADER` or `GRADER~MARGIN`. Raises InvalidConfig for a margin that is no share; in a grader that holds a text or
    a path of its own, a sign without a number behind it belongs to that."""
    grader, separator, margin = text.rpartition("~")
    if not separator:
        return GuardrailChoice(text, USUAL_MARGIN)
    try:
        share = float(margin)
    except ValueError:
        if OWN_TEXT.search(text):
            return GuardrailChoice(text, USUAL_MARGIN)
        share = nan
    if not 0 < share < 1:
        raise InvalidConfig(
            f"guardrail {text!r}: the margin must be a number between 0 and 1", hint="valid-json~0.05 may lose 5 points"
        )
    return GuardrailChoice(grader, share)


def read_gate_settings(plan: EvalPlan, home: Home) -> GateSettings:
    """Raises FileMissing or InvalidConfig."""
    from luthier.evaluation.gates.settings import build_gates, read_gates

    if isinstance(plan.gates, Path | str):
        return read_gates(Path(plan.gates))
    if plan.gates is not None:
        return build_gates(plan.gates)
    return build_gates(home.settings.gates, source="gates in luthier.toml")


def check_side_files(plan: EvalPlan) -> None:
    """Labels and secrets are needed after the answers; what is wrong with their files is said before.

    Raises FileMissing, or InvalidDataset with the rows that cannot be read.
    """
    from luthier.data.canaries import read_canaries
    from luthier.evaluation.judging.labels import read_labels

    if plan.human_labels is not None:
        read_labels(plan.human_labels)
    if plan.canaries is not None:
        read_canaries(plan.canaries)


def build_eval_task(
    plan: EvalPlan, dataset: Dataset, engine: Engine, home: Home, *, progress: Progress = Progress()
) -> EvalTask:
    """Every grader, row and form is read before anything is asked. Raises what is wrong with the first of them."""
    from luthier.evaluation.graders.registry import parse_grader
    from luthier.evaluation.task import Criterion, build_task
    from luthier.pipeline.grading import open_grading_tools

    rails = [read_guardrail(text) for text in plan.guardrails]
    tools = open_grading_tools(home, engine, progress=progress)
    criteria: list[Criterion] = [Criterion(parse_grader(name, tools=tools), "secondary") for name in plan.also]
    criteria += [Criterion(parse_grader(rail.grader, tools=tools), "guardrail", rail.margin) for rail in rails]
    sampling = plan.sampling
    if plan.asks_calibration and sampling.top_log_probs is None:
        sampling = sampling.model_copy(update={"top_log_probs": 0})
    return build_task(
        dataset,
        parse_grader(plan.grader, tools=tools),
        sampling,
        structure=read_structure(plan.structure) if plan.structure is not None else None,
        criteria=tuple(criteria),
        cluster_key=plan.cluster,
    )
