"""A grader, answers and the samples that they belong to go in, a grade for each comes out: the one way to grade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.evaluation.graders.protocol import BatchGrader, Grade, has_eyes_for_calls
from luthier.evaluation.graders.tool_calls import grade_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.graders.protocol import Grader, Output
    from luthier.evaluation.task import Sample


def grade_one(grader: Grader, output: Output, sample: Sample) -> Grade:
    """Raises as `grade_all`."""
    (grade,) = grade_all(grader, [output], [sample])
    return grade


def grade_all(grader: Grader, outputs: Sequence[Output], samples: Sequence[Sample]) -> list[Grade]:
    """In their order. Where either side calls a tool, the calls are compared, unless the grader reads calls itself.

    Raises MachineError alone, when nothing can be judged any more: a judge that is away, a sandbox that is none.
    """
    settled = {} if has_eyes_for_calls(grader) else settle_calls(outputs, samples)
    places = [place for place in range(len(outputs)) if place not in settled]
    mine, theirs = [outputs[place] for place in places], [samples[place] for place in places]
    if isinstance(grader, BatchGrader):
        grades = grader.grade_many(mine, theirs) if places else []
    else:
        grades = [grader.grade(output, sample) for output, sample in zip(mine, theirs, strict=True)]
    found = settled | dict(zip(places, grades, strict=True))
    return [found[place] for place in range(len(outputs))]


def settle_calls(outputs: Sequence[Output], samples: Sequence[Sample]) -> dict[int, Grade]:
    """Those that no grader of texts has a word in, by their place."""
    settled = {}
    for place, (output, sample) in enumerate(zip(outputs, samples, strict=True)):
        if sample.reference_calls:
            settled[place] = grade_calls(output.tool_calls, sample.reference_calls)
        elif output.tool_calls:
            name = output.tool_calls[0].name
            settled[place] = Grade(False, f"calls {name} where the reference answers in words")
    return settled
