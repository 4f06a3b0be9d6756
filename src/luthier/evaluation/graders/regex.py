"""Passes an output in which a pattern is found; RE2, so that no pattern can hang on any output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import re2

from luthier.errors import InvalidConfig
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
        object.__setattr__(self, "compiled", compile_pattern(self.pattern))

    @property
    def name(self) -> str:
        return f"regex:{self.pattern}"

    def reference_problem(self, sample: Sample) -> str | None:
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        # RE2 reads UTF-8, which has no place for the half of a surrogate pair that a model may write.
        readable = output.text.encode("utf-8", "replace").decode("utf-8")
        if self.compiled.search(readable):
            return Grade(True, f"the pattern {self.pattern} is found")
        return Grade(False, f"the pattern {self.pattern} is not found")


def compile_pattern(pattern: str) -> Any:
    if not pattern:
        raise InvalidConfig("grader 'regex:': the pattern is empty", hint="write it as regex:PATTERN")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = b"".join(error.args).decode("utf-8", "replace")
        raise InvalidConfig(
            f"grader 'regex:{pattern}': {reason}", hint="RE2 knows neither look-around nor back-references"
        ) from error
    except UnicodeEncodeError as error:
        raise InvalidConfig(f"grader {pattern!a}: the pattern is not valid Unicode") from error
