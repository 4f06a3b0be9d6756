"""A dataset of examples goes in, a frozen task of samples comes out: the same questions for every model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.conversation import Message
from luthier.errors import InvalidDataset

if TYPE_CHECKING:
    from luthier.data.dataset import Dataset, Example
    from luthier.engine.protocol import Sampling
    from luthier.evaluation.graders.protocol import Grader

ID_LENGTH = 12  # hexadecimal digits of the prompt's fingerprint; repeats of a prompt get a number


@dataclass(frozen=True, slots=True)
class Sample:
    """`fingerprint` is that of the prompt alone; `id` comes from it, so it outlives a shuffled file."""

    id: str
    prompt: tuple[Message, ...]
    reference: str
    line: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class EvalTask:
    name: str
    samples: tuple[Sample, ...]
    grader: Grader
    sampling: Sampling
    data_fingerprint: str


def build_task(dataset: Dataset, grader: Grader, sampling: Sampling) -> EvalTask:
    """Raises InvalidDataset with one row for each example that this grader could never judge."""
    rows = [
        f"{dataset.path}:{example.line}: {problem}"
        for example in dataset.examples
        if (problem := find_problem(example, grader)) is not None
    ]
    if rows:
        raise InvalidDataset(
            f"{dataset.name}: {len(rows)} of {len(dataset.examples)} examples cannot be graded by {grader.name}",
            rows=rows,
            hint="correct or remove these lines, or choose another grader",
        )
    if not dataset.examples:
        raise InvalidDataset(f"{dataset.name}: there is no test case", hint="keep some rows back from training")
    return EvalTask(dataset.name, build_samples(dataset), grader, sampling, dataset.fingerprint)


def build_samples(dataset: Dataset) -> tuple[Sample, ...]:
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
            )
        )
    return tuple(samples)


def find_problem(example: Example, grader: Grader) -> str | None:
    answer = example.conversation.answer
    if answer.tool_calls:
        return "the final answer is a tool call, which has no text to grade"
    if example.conversation.tools:
        return "the example offers tools, which an evaluation cannot pass on to the model"
    if not answer.is_trained:
        return "the final answer has weight 0, so it is no reference"
    return grader.reference_problem(answer.content)
