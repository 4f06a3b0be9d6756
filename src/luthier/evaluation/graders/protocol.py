"""What a grader promises; the seam between an evaluation and the many ways to tell right from wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from luthier.conversation import ToolCall

if TYPE_CHECKING:
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
