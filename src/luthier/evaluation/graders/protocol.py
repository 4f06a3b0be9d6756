"""What a grader promises; the seam between an evaluation and the many ways to tell right from wrong."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Grade(NamedTuple):
    """`explanation` says why in words that fit in one line of a report, for a pass too."""

    passed: bool
    explanation: str


class Grader(Protocol):
    """Deterministic, and never raises for an output, whatever the model wrote."""

    @property
    def name(self) -> str:
        """The text that `parse_grader` turns into this grader again."""
        ...

    def reference_problem(self, reference: str) -> str | None:
        """Why no output could ever pass against this reference; None when it can be used."""
        ...

    def grade(self, output: str, reference: str) -> Grade: ...
