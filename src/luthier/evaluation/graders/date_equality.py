"""Passes an output that names the same day as its reference, however either is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.evaluation.graders.dates import find_date
from luthier.evaluation.graders.protocol import Grade

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample


@dataclass(frozen=True, slots=True)
class DateGrader:
    """A time of day does not count. 03/04/2024 may be two days, and so is none."""

    name: str = "date"

    def reference_problem(self, sample: Sample) -> str | None:
        return "the answer does not name exactly one day" if find_date(sample.reference) is None else None

    def grade(self, output: Output, sample: Sample) -> Grade:
        got, wanted = find_date(output.text), find_date(sample.reference)
        if got is None or wanted is None:
            return Grade(False, "the answer does not name exactly one day")
        if got == wanted:
            return Grade(True, f"the same day, {got}")
        return Grade(False, f"expected {wanted}, got {got}")
