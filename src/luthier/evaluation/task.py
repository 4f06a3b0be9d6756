"""A dataset of examples goes in, a frozen task of samples comes out: the same questions for every model."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from luthier.conversation import Message, ToolCall
from luthier.data.row_problems import RowProblem, phrase_problems
from luthier.errors import InvalidConfig, InvalidDataset, did_you_mean
from luthier.evaluation.graders.protocol import has_eyes_for_calls, prepare_grader
from luthier.evaluation.graders.tool_calls import find_call_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.data.dataset import Dataset, Example
    from luthier.engine.protocol import Sampling, Structure
    from luthier.evaluation.graders.protocol import Grader

Role = Literal["secondary", "guardrail"]

ID_LENGTH = 12  # hexadecimal digits of the prompt's fingerprint; repeats of a prompt get a number


@dataclass(frozen=True, slots=True)
class Sample:
    """`fingerprint` is that of the prompt alone; `id` comes from it, so it outlives a shuffled file.

    With `reference_calls` these are what is wanted, and `reference` is only what is said beside them. `metadata` is the
    row's own, and `extras` are the keys of the row that training does not read. Samples of one `cluster` are not
    independent of each other; an empty one is a cluster by itself.
    """

    id: str
    prompt: tuple[Message, ...]
    reference: str
    line: int
    fingerprint: str
    tools: str = ""
    reference_calls: tuple[ToolCall, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    cluster: str = ""
    extras: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is measured beside the task's own grader, which alone is the primary one.

    A guardrail may get worse by `margin` at most, a fraction of its scale from 0 to 1.
    """

    grader: Grader
    role: Role
    margin: float = 0.05


@dataclass(frozen=True, slots=True)
class EvalTask:
    """`grader` is what the verdict rests on, chosen before anything is run."""

    name: str
    samples: tuple[Sample, ...]
    grader: Grader
    sampling: Sampling
    data_fingerprint: str
    structure: Structure | None = None
    criteria: tuple[Criterion, ...] = ()


def build_task(
    dataset: Dataset,
    grader: Grader,
    sampling: Sampling,
    *,
    structure: Structure | None = None,
    criteria: tuple[Criterion, ...] = (),
    cluster_key: str = "",
) -> EvalTask:
    """Raises InvalidDataset that names each example that one of the graders could never judge; what `check_clusters`
    raises, and whatever a grader raises that has to see all samples first.
    """
    if cluster_key:
        check_clusters(dataset, cluster_key)
    samples = build_samples(dataset, cluster_key=cluster_key)
    graders = [grader, *(criterion.grader for criterion in criteria)]
    problems = [
        RowProblem(example.line, problem)
        for example, sample in zip(dataset.examples, samples, strict=True)
        for problem in find_problems(example, sample, graders)
    ]
    if problems:
        names = " and ".join(each.name for each in graders)
        count, total = len({problem.line for problem in problems}), len(dataset.examples)
        raise InvalidDataset(
            f"{dataset.name}: {count} of {total} examples cannot be graded by {names}",
            rows=phrase_problems(dataset.path, problems),
            hint="correct or remove these lines, or choose another grader"
            if count < total
            else "no example can be graded so: correct the grader, or choose another",
        )
    if not dataset.examples:
        raise InvalidDataset(f"{dataset.name}: there is no test case", hint="keep some rows back from training")
    return EvalTask(
        dataset.name,
        samples,
        prepare_grader(grader, samples),
        sampling,
        dataset.fingerprint,
        structure,
        tuple(replace(criterion, grader=prepare_grader(criterion.grader, samples)) for criterion in criteria),
    )


def build_samples(dataset: Dataset, *, cluster_key: str = "") -> tuple[Sample, ...]:
    seen: Counter[str] = Counter()
    samples = []
    for example in dataset.examples:
        conversation = example.conversation
        fingerprint = conversation.prompt_fingerprint()
        seen[fingerprint] += 1
        repeat = f"-{seen[fingerprint]}" if seen[fingerprint] > 1 else ""
        samples.append(
            Sample(
                id=fingerprint[:ID_LENGTH] + repeat,
                prompt=conversation.prompt,
                reference=conversation.answer.content,
                line=example.line,
                fingerprint=fingerprint,
                tools=conversation.tools,
                reference_calls=conversation.answer.tool_calls,
                metadata=example.metadata,
                cluster=find_cluster(example, cluster_key),
                extras=json.loads(example.extras) if example.extras else {},
            )
        )
    return tuple(samples)


def check_clusters(dataset: Dataset, key: str) -> None:
    """Raises InvalidConfig for a key that no row has in its metadata, and InvalidDataset with the rows that lack one
    that others have."""
    examples = dataset.examples
    lacking = [example for example in examples if key not in example.metadata]
    if not lacking:
        return
    if len(lacking) == len(examples):
        known = {name for example in examples for name in example.metadata}
        hint = did_you_mean(key, known) if known else "rows that belong together share a value of a key of `metadata`"
        raise InvalidConfig(f"{dataset.name}: no row has {key!r} in its metadata", hint=hint)
    raise InvalidDataset(
        f"{dataset.name}: {len(lacking)} of {len(examples)} rows do not say what they belong to",
        rows=phrase_problems(dataset.path, [RowProblem(each.line, f"its metadata lacks {key!r}") for each in lacking]),
        hint="give these rows the key too, a value of its own to each that belongs to no other",
    )


def find_cluster(example: Example, key: str) -> str:
    """Values of different kinds are different clusters, as 1 and "1" are."""
    return json.dumps(example.metadata[key], sort_keys=True) if key in example.metadata else ""


def find_problems(example: Example, sample: Sample, graders: Sequence[Grader]) -> Iterator[str]:
    """A tool call is compared with the calls of the answer, whatever the graders of texts say."""
    answer = example.conversation.answer
    if not answer.is_trained:
        yield "the final answer has weight 0, so it is no reference"
    elif answer.tool_calls and not example.conversation.tools:
        yield "the final answer calls a tool, and the example offers none"
    elif answer.tool_calls and (problem := find_call_problem(answer.tool_calls)) is not None:
        yield problem
    else:
        asked = [grader for grader in graders if has_eyes_for_calls(grader) or not answer.tool_calls]
        found = {grader.name: grader.reference_problem(sample) for grader in asked}
        yield from dict.fromkeys(problem for problem in found.values() if problem is not None)
