"""Labels of people, a judge and the test that they are about go in, how far the judge agrees with people comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.graders.grading import grade_all
from luthier.evaluation.graders.protocol import Output
from luthier.evaluation.judging.agreement import Opinion, measure_judge
from luthier.evaluation.judging.sheet import make_key, read_sample_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.graders.protocol import Grader
    from luthier.evaluation.judging.agreement import JudgeAgreement
    from luthier.evaluation.judging.labels import HumanLabel
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.task import Sample


class Labelled(NamedTuple):
    sample: Sample
    text: str
    passed: bool


def check_judge(
    judge: Grader, labels: Sequence[HumanLabel], samples: Sequence[Sample], results: Sequence[ModelResult] = ()
) -> JudgeAgreement:
    """The judge is asked about every answer that people have labelled; one that it cannot judge is unusable, as is a
    label whose answer is not known. Raises MachineError when the judge is away."""
    labelled = match_labels(labels, samples, results)
    grades = grade_all(judge, [Output(each.text) for each in labelled], [each.sample for each in labelled])
    opinions = [
        Opinion(each.passed, grade.passed) for each, grade in zip(labelled, grades, strict=True) if not grade.error
    ]
    return measure_judge(judge.name, opinions, unusable=len(labels) - len(opinions))


def match_labels(
    labels: Sequence[HumanLabel], samples: Sequence[Sample], results: Sequence[ModelResult]
) -> list[Labelled]:
    """Each answer once: of two labels of one answer the later one counts. Labels of other tests are left out."""
    by_id = {sample.id: sample for sample in samples}
    by_line = {sample.line: sample for sample in samples}
    outputs = _list_outputs(samples, results)
    found: dict[str, Labelled] = {}
    for label in labels:
        sample = by_id.get(read_sample_id(label.key) if label.key else label.id) or by_line.get(label.line or 0)
        text = _find_text(label, sample, outputs) if sample else None
        if sample is not None and text is not None:
            found[make_key(sample.id, text)] = Labelled(sample, text, label.passed)
    return list(found.values())


def _list_outputs(samples: Sequence[Sample], results: Sequence[ModelResult]) -> dict[str, str]:
    """By their keys, and by the id of the sample what the last model said."""
    outputs: dict[str, str] = {}
    for result in results:
        for sample, outcome in zip(samples, result.outcomes, strict=True):
            if outcome.is_answered and not outcome.tool_calls:
                outputs[make_key(sample.id, outcome.output)] = outputs[sample.id] = outcome.output
    return outputs


def _find_text(label: HumanLabel, sample: Sample, outputs: dict[str, str]) -> str | None:
    """A text in the file counts as long as it is what its key was made of: spreadsheets make dates of fractions."""
    if not label.key:
        return label.answer if label.answer is not None else outputs.get(sample.id)
    if label.answer is not None and make_key(sample.id, label.answer) == label.key:
        return label.answer
    return outputs.get(label.key)
