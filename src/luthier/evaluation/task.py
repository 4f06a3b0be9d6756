"""A dataset of examples goes in, a frozen task of samples comes out: the same questions for every model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.conversation import Message, ToolCall
from luthier.errors import InvalidDataset
from luthier.evaluation.graders.tool_calls import find_call_problem

if TYPE_CHECKING:
    from luthier.data.dataset import Dataset, Example
    from luthier.engine.protocol import Sampling, Structure
    from luthier.evaluation.graders.protocol import Grader

ID_LENGTH = 12  # hexadecimal digits of the prompt's fingerprint; repeats of a prompt get a number


@dataclass(frozen=True, slots=True)
class Sample:
    """`fingerprint` is that of the prompt alone; `id` comes from it, so it outlives a shuffled file.

    With `reference_calls` these are what is wanted, and `reference` is only what is said beside them.
    """

    id: str
    prompt: tuple[Message, ...]
    reference: str
    line: int
    fingerprint: str
    tools: str = ""
    reference_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class EvalTask:
    name: str
    samples: tuple[Sample, ...]
    grader: Grader
    sampling: Sampling
    data_fingerprint: str
    structure: Structure | None = None


def build_task(dataset: Dataset, grader: Grader, sampling: Sampling, *, structure: Structure | None = None) -> EvalTask:
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
    return EvalTask(dataset.name, build_samples(dataset), grader, sampling, dataset.fingerprint, structure)


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
                tools=conversation.tools,
                reference_calls=conversation.answer.tool_calls,
            )
        )
    return tuple(samples)


def find_problem(example: Example, grader: Grader) -> str | None:
    """A tool call is compared with the calls of the answer, whatever the grader of texts."""
    answer = example.conversation.answer
    if not answer.is_trained:
        return "the final answer has weight 0, so it is no reference"
    if not answer.tool_calls:
        return grader.reference_problem(answer.content)
    if not example.conversation.tools:
        return "the final answer calls a tool, and the example offers none"
    return find_call_problem(answer.tool_calls)
