"""Passes an output that is JSON and holds to a schema, and names the places where it does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from jsonschema.exceptions import best_match

from luthier.conversation import canonical_json
from luthier.evaluation.graders.json_values import join_key
from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.schema.keywords import MOST_STEPS, Budget, TooCostly
from luthier.evaluation.graders.schema.reading import build_validator, read_schema
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema.exceptions import ValidationError

    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample

MOST_ERRORS = 50  # are looked for, of which the first few are shown
SHOWN_ERRORS = 3
LONGEST_MESSAGE = 120  # characters


@dataclass(frozen=True)
class SchemaGrader:
    """`path` is as the user wrote it. Raises FileMissing or InvalidConfig."""

    path: str
    schema: Any = field(init=False, repr=False)
    _budget: Budget = field(init=False, repr=False, compare=False, default_factory=Budget)
    _validator: Any = field(init=False, repr=False, compare=False)
    _lock: Any = field(init=False, repr=False, compare=False, default_factory=Lock)

    def __post_init__(self) -> None:
        schema = read_schema(Path(self.path))
        object.__setattr__(self, "schema", schema)
        object.__setattr__(self, "_validator", build_validator(schema, self._budget))

    @property
    def name(self) -> str:
        return f"schema:{self.path}"

    @property
    def definition(self) -> str:
        return canonical_json({"schema": self.schema})

    def reference_problem(self, sample: Sample) -> str | None:
        """An answer that the schema forbids teaches what is then counted as wrong."""
        grade = self._grade_text(sample.reference)
        return None if grade.passed else f"the answer is {grade.explanation}"

    def grade(self, output: Output, sample: Sample) -> Grade:
        return self._grade_text(output.text)

    def _grade_text(self, text: str) -> Grade:
        try:
            value = parse_json(text)
        except NotStrictJson as error:
            return Grade(False, f"not JSON: {error}")
        try:
            errors = self._find_errors(value)
        except (TooCostly, RecursionError):
            reason = f"the schema leads in a circle, or takes more than {MOST_STEPS:,} steps for this answer"
            return Grade(False, reason, error="too_costly")
        except OverflowError:  # a multiple of a fraction is asked of an integer that is no float
            return Grade(False, "not valid: a number is too large to be checked")
        return Grade(False, f"not valid: {describe_errors(errors)}") if errors else Grade(True, "valid by the schema")

    def _find_errors(self, value: Any) -> list[ValidationError]:
        with self._lock:
            self._budget.left = MOST_STEPS
            found = islice(self._validator.iter_errors(value), MOST_ERRORS)
            return sorted(
                (best_match([error]) or error for error in found), key=lambda error: list(map(str, error.path))
            )


def describe_errors(errors: Iterable[ValidationError]) -> str:
    described = list(dict.fromkeys(map(describe_error, errors)))
    more = len(described) - SHOWN_ERRORS
    return "; ".join(described[:SHOWN_ERRORS]) + (f"; and {more} more" if more > 0 else "")


def describe_error(error: ValidationError) -> str:
    place = ""
    for step in error.absolute_path:
        place = f"{place}[{step}]" if isinstance(step, int) else join_key(place, step)
    message = error.message
    shown = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"
    return f"{place or 'the whole answer'}: {shown}"
