"""Passes an output that is one JSON value and nothing else, whatever it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample


@dataclass(frozen=True, slots=True)
class ValidJsonGrader:
    """No fence around it, no word before or after it, no key twice."""

    name: str = "valid-json"

    def reference_problem(self, sample: Sample) -> str | None:
        problem = find_json_problem(sample.reference)
        return problem and f"the answer is {problem}"

    def grade(self, output: Output, sample: Sample) -> Grade:
        problem = find_json_problem(output.text)
        return Grade(True, "one JSON value") if problem is None else Grade(False, problem)


def find_json_problem(text: str) -> str | None:
    try:
        parse_json(text)
    except NotStrictJson as error:
        return f"not JSON: {error}"
    return None
