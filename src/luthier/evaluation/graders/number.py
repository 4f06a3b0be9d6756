"""Passes an output that holds the same number as its reference, or one that is near enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.quantities import NO_TOLERANCE, Tolerance, find_number, parse_tolerance

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample


@dataclass(frozen=True, slots=True)
class NumberGrader:
    """Words and units beside the number do not count; a second number makes the answer one that cannot be read."""

    tolerance: Tolerance = NO_TOLERANCE

    @property
    def name(self) -> str:
        return f"number:{self.tolerance}" if self.tolerance.amount else "number"

    def reference_problem(self, sample: Sample) -> str | None:
        return "the answer does not hold exactly one number" if find_number(sample.reference) is None else None

    def grade(self, output: Output, sample: Sample) -> Grade:
        got, wanted = find_number(output.text), find_number(sample.reference)
        if got is None or wanted is None:
            return Grade(False, "the answer does not hold exactly one number")
        if got == wanted:
            return Grade(True, "the same number")
        if self.tolerance.allows(got, wanted):
            return Grade(True, f"expected {wanted}, got {got}, within {self.tolerance}")
        return Grade(False, f"expected {wanted}, got {got}")


def parse_number(tolerance: str) -> NumberGrader:
    """What stands after `number:`. Raises InvalidConfig."""
    return NumberGrader(parse_tolerance(tolerance)) if tolerance else NumberGrader()
