"""What a grader promises; the seam between an evaluation and the many ways to tell right from wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from luthier.conversation import ToolCall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.task import Sample


class Output(NamedTuple):
    """What a model answered, as graders see it."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()


class FieldGrade(NamedTuple):
    """One place of a structured answer. `path` leaves out which element of a list it is: `items[].price`.

    `wanted` and `got` are JSON texts; the first is empty where nothing was wanted, the second where nothing came.
    """

    path: str
    kind: Literal["right", "wrong", "omitted", "invented"]
    wanted: str = ""
    got: str = ""


class LabelPair(NamedTuple):
    """`got` is empty when the answer is none of the labels."""

    wanted: str
    got: str


class Grade(NamedTuple):
    """`explanation` says why in words that fit in one line of a report, for a pass too.

    `score` lies between 0 and 1, and is 1 or 0 unless the grader knows degrees. With an `error`, the code of what kept
    the grader from judging, the rest means nothing.
    """

    passed: bool
    explanation: str
    score: float | None = None
    fields: tuple[FieldGrade, ...] = ()
    label: LabelPair | None = None
    error: str = ""

    @property
    def points(self) -> float:
        return float(self.passed) if self.score is None else self.score


class Grader(Protocol):
    """Never raises for an output, whatever the model wrote; the same output gets the same grade."""

    @property
    def name(self) -> str:
        """The text that `parse_grader` turns into this grader again."""
        ...

    def reference_problem(self, sample: Sample) -> str | None:
        """Why no output could ever pass this sample; None when it can be used."""
        ...

    def grade(self, output: Output, sample: Sample) -> Grade: ...


@runtime_checkable
class Defined(Protocol):
    """A grader whose name does not say all that its grades depend on, such as one that reads a file."""

    @property
    def definition(self) -> str:
        """JSON text; two graders that have the same grade alike."""
        ...


@runtime_checkable
class BatchGrader(Protocol):
    """A grader that is faster at many answers than at one after the other."""

    def grade_many(self, outputs: Sequence[Output], samples: Sequence[Sample]) -> list[Grade]:
        """In their order. Raises MachineError when nothing can be judged any more."""
        ...


@runtime_checkable
class Judge(Protocol):
    """A grader that may ask models, whose word counts only as far as people agree with it."""

    @property
    def judges(self) -> tuple[str, ...]:
        """The models that it asks; empty when it asks none."""
        ...


@runtime_checkable
class CallReader(Protocol):
    """A grader that may look at tool calls itself; any other never sees an answer that calls, nor a row that wants
    calls."""

    @property
    def reads_calls(self) -> bool: ...


@runtime_checkable
class TaskReader(Protocol):
    """A grader that has to see all samples before the first answer."""

    def prepare(self, samples: Sequence[Sample]) -> Grader:
        """Of the same name. Raises InvalidDataset for samples that cannot be graded together."""
        ...


def find_definition(grader: Grader) -> str:
    return grader.definition if isinstance(grader, Defined) else grader.name


def is_judge(grader: Grader) -> bool:
    return isinstance(grader, Judge) and bool(grader.judges)


def has_eyes_for_calls(grader: Grader) -> bool:
    return isinstance(grader, CallReader) and grader.reads_calls


def prepare_grader(grader: Grader, samples: Sequence[Sample]) -> Grader:
    """Raises InvalidDataset."""
    return grader.prepare(samples) if isinstance(grader, TaskReader) else grader
