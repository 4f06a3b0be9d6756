"""Passes an output in which a pattern is found; RE2, so that no pattern can hang on any output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.patterns import compile_pattern, is_found
from luthier.evaluation.graders.protocol import Grade

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample


@dataclass(frozen=True, slots=True)
class RegexGrader:
    """The reference plays no part. Raises InvalidConfig for a pattern that RE2 does not accept."""

    pattern: str
    compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.pattern:
            raise InvalidConfig("grader 'regex:': the pattern is empty", hint="write it as regex:PATTERN")
        object.__setattr__(self, "compiled", compile_pattern(self.pattern))

    @property
    def name(self) -> str:
        return f"regex:{self.pattern}"

    def reference_problem(self, sample: Sample) -> str | None:
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        if is_found(self.compiled, output.text):
            return Grade(True, f"the pattern {self.pattern} is found")
        return Grade(False, f"the pattern {self.pattern} is not found")
