from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from luthier.evaluation.graders.schema.grader import SchemaGrader
from tests.evaluation.graders.samples import build_sample, grade_text

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.evaluation.graders.protocol import Grade

ORDER = {
    "type": "object",
    "properties": {
        "customer": {"type": "string", "minLength": 1},
        "items": {"type": "array", "items": {"type": "object", "required": ["sku"]}},
    },
    "required": ["customer"],
    "additionalProperties": False,
}


def build(folder: Path, schema: Any) -> SchemaGrader:
    (folder / "schema.json").write_text(json.dumps(schema))
    return SchemaGrader(str(folder / "schema.json"))


def check(folder: Path, schema: Any, text: str) -> Grade:
    return grade_text(build(folder, schema), text)


def test_a_valid_answer_passes_whatever_it_says(tmp_path: Path) -> None:
    assert check(tmp_path, ORDER, '{"customer": "Ann", "items": [{"sku": 3}]}').passed


def test_each_place_that_breaks_it_is_named(tmp_path: Path) -> None:
    grade = check(tmp_path, ORDER, '{"customer": 3, "items": [{"sku": 1}, {}], "full name": 1}')
    assert not grade.passed
    for said in ("customer: 3 is not of type 'string'", "items[1]: 'sku' is a required", "the key 'full name' is not"):
        assert said in grade.explanation


def test_many_errors_are_counted_and_not_listed(tmp_path: Path) -> None:
    grade = check(tmp_path, {"items": {"type": "string"}}, json.dumps([1] * 10))
    assert grade.explanation.endswith("[2]: 1 is not of type 'string'; and 7 more")
    long = check(tmp_path, {"type": "object"}, json.dumps("x" * 9_000))
    assert len(long.explanation) < 200


def test_of_alternatives_the_nearest_is_explained(tmp_path: Path) -> None:
    grade = check(tmp_path, {"anyOf": [{"type": "integer"}, {"type": "object", "required": ["a"]}]}, "{}")
    assert grade.explanation == "not valid: the whole answer: 'a' is a required property"


def test_what_is_no_json_is_said_to_be_none(tmp_path: Path) -> None:
    assert check(tmp_path, ORDER, "Ann ordered a lamp").explanation.startswith("not JSON: ")


def test_a_reference_that_the_schema_forbids_is_found_before_the_run(tmp_path: Path) -> None:
    grader = build(tmp_path, ORDER)
    assert grader.reference_problem(build_sample('{"customer": "Ann"}')) is None
    problem = grader.reference_problem(build_sample("{}"))
    assert problem == "the answer is not valid: the whole answer: 'customer' is a required property"


DOUBLING = {
    "$defs": {
        "0": {"type": ["integer", "object"]},
        **{str(n): {"allOf": [{"$ref": f"#/$defs/{n - 1}"}] * 2} for n in range(1, 60)},
    },
    "$ref": "#/$defs/59",
}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"$ref": "#"}, "1"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "1"),
        (DOUBLING, "1"),
        ({**DOUBLING, "unevaluatedProperties": False}, '{"a": 1}'),
        ({"uniqueItems": True}, json.dumps([{"a": n} for n in range(5_000)])),
        ({"items": {"enum": list(range(9_000))}}, json.dumps([-1] * 1_000)),
        ({"contains": {"const": 1}}, json.dumps([0] * 100_000)),
    ],
    ids=["itself", "a circle", "doubling", "doubling unevaluated", "unlike items", "long lists", "contains"],
)
def test_a_schema_that_never_ends_grades_nothing_and_ends(tmp_path: Path, schema: Any, text: str) -> None:
    grade = check(tmp_path, schema, text)
    assert grade.error == "too_costly"
    assert not grade.passed


def test_a_costly_answer_leaves_nothing_for_the_next_to_pay(tmp_path: Path) -> None:
    grader = build(tmp_path, {"uniqueItems": True})
    assert grade_text(grader, json.dumps([{"a": n} for n in range(5_000)])).error
    assert grade_text(grader, "[1, 2]").passed


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 50_000 + "b"),
        ({"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}, {"a" * 50_000 + "b": 1}),
        ({"multipleOf": 0.01}, 10**400),
        ({"format": "date"}, "\ud800"),
    ],
    ids=["pattern", "pattern of keys", "a number too large", "half a character"],
)
def test_hostile_values_are_not_valid_at_once(tmp_path: Path, schema: Any, value: Any) -> None:
    grade = check(tmp_path, schema, json.dumps(value))
    assert not grade.passed
    assert not grade.error


def test_patterns_are_searched_for_as_the_standard_says(tmp_path: Path) -> None:
    schema = {"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": {"type": "integer"}}
    assert check(tmp_path, schema, '{"x-a": "b", "c": 3}').passed
    assert check(tmp_path, schema, '{"x-a": 1, "c": "d"}').explanation.count("is not of type") == 2


def test_its_definition_is_the_schema_itself(tmp_path: Path) -> None:
    assert build(tmp_path, ORDER).definition != build(tmp_path, {}).definition
