"""Passes an output that is the same JSON value as its reference, and names the first place where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.evaluation.graders.fields.grading import grade_fields
from luthier.evaluation.graders.json_values import is_same_scalar, join_key, show_value
from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample


class Difference(NamedTuple):
    """`path` is such as `items[0].quantity`, and empty for the whole value."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path or 'the whole answer'}: {self.problem}"


@dataclass(frozen=True, slots=True)
class JsonGrader:
    """The order of keys and the spelling of a number (31 or 31.00) do not count; types and list order do."""

    name: str = "json"

    def reference_problem(self, sample: Sample) -> str | None:
        try:
            parse_json(sample.reference)
        except NotStrictJson as error:
            return f"the answer is not JSON: {error}"
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        by_field = grade_fields(output.text, sample.reference)
        try:
            got = parse_json(output.text)
        except NotStrictJson:
            return by_field._replace(score=None)
        difference = find_difference(got, parse_json(sample.reference))
        explanation = "the same JSON value" if difference is None else str(difference)
        is_counted = by_field.passed == (difference is None)  # but for more values than are compared one by one
        return Grade(difference is None, explanation, fields=by_field.fields if is_counted else ())


def find_difference(got: Any, wanted: Any, path: str = "") -> Difference | None:
    """The first difference, in the reference's own order, before what only the output has."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return find_object_difference(got, wanted, path)
    if isinstance(wanted, list) and isinstance(got, list):
        return find_list_difference(got, wanted, path)
    if is_same_scalar(got, wanted):
        return None
    return Difference(path, f"expected {show_value(wanted)}, got {show_value(got)}")


def find_object_difference(got: dict[str, Any], wanted: dict[str, Any], path: str) -> Difference | None:
    for key, value in wanted.items():
        inner = join_key(path, key)
        if key not in got:
            return Difference(inner, "missing")
        if difference := find_difference(got[key], value, inner):
            return difference
    for key in got:
        if key not in wanted:
            return Difference(join_key(path, key), "not in the reference")
    return None


def find_list_difference(got: list[Any], wanted: list[Any], path: str) -> Difference | None:
    for index, pair in enumerate(zip(got, wanted, strict=False)):
        if difference := find_difference(*pair, f"{path}[{index}]"):
            return difference
    if len(got) < len(wanted):
        return Difference(f"{path}[{len(got)}]", "missing")
    if len(got) > len(wanted):
        return Difference(f"{path}[{len(wanted)}]", "not in the reference")
    return None
