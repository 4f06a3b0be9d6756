"""Passes an output in which a text stands, whatever the reference is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.protocol import Grade

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample


@dataclass(frozen=True, slots=True)
class ContainsGrader:
    """Case counts. Raises InvalidConfig for no text at all, which stands in everything."""

    text: str

    def __post_init__(self) -> None:
        if not self.text:
            raise InvalidConfig("grader 'contains:': the text is empty", hint="write it as contains:TEXT")

    @property
    def name(self) -> str:
        return f"contains:{self.text}"

    def reference_problem(self, sample: Sample) -> str | None:
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        if self.text in output.text:
            return Grade(True, f"{self.text!r} stands in the answer")
        return Grade(False, f"{self.text!r} does not stand in the answer")
