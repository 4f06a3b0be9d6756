"""Passes an output that is the same JSON value as its reference, and names the first place where it is not."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.strict_json import NotStrictJson, WrittenFloat, parse_json

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample

LONGEST_SHOWN_VALUE = 80  # characters; an explanation stays one line
PLAIN_KEY = re.compile(r"[^\W\d]\w*")


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
        try:
            got = parse_json(output.text)
        except NotStrictJson as error:
            return Grade(False, f"not JSON: {error}")
        difference = find_difference(got, parse_json(sample.reference))
        if difference is None:
            return Grade(True, "the same JSON value")
        return Grade(False, str(difference))


def find_difference(got: Any, wanted: Any, path: str = "") -> Difference | None:
    """The first difference, in the reference's own order, before what only the output has."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return find_object_difference(got, wanted, path)
    if isinstance(wanted, list) and isinstance(got, list):
        return find_list_difference(got, wanted, path)
    if kind_of(got) == kind_of(wanted) and got == wanted:
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


def kind_of(value: Any) -> str:
    """JSON's own six kinds: Python holds True and 1 for equal, JSON does not."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "list"


def show_scalar(value: Any) -> str:
    return value.written if isinstance(value, WrittenFloat) else json.dumps(value, ensure_ascii=False)


def show_value(value: Any) -> str:
    """JSON text, cut with a visible ellipsis; a number as it was written."""
    text = show_scalar(value) if not isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN_VALUE else f"{text[:LONGEST_SHOWN_VALUE]}…"


def join_key(path: str, key: str) -> str:
    if not PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key
