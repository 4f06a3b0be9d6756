from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from luthier.engine.protocol import Structure
from luthier.engine.structure.grammars import MOST_KEPT, Grammars
from luthier.errors import InvalidStructure
from tests.engine.structure.schemas import SCHEMAS
from tests.engine.structure.walks import walk
from tests.support.tiny import build_template

TEMPLATE = build_template()
GRAMMARS = Grammars(TEMPLATE, vocabulary_size=len(TEMPLATE.tokenizer))

SEEDS = range(4)

TREE = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#"}, "maxItems": 2}},
    "required": ["value", "children"],
    "additionalProperties": False,
}
ORDER = {
    "type": "object",
    "properties": {
        "customer": {"type": "string", "minLength": 1, "maxLength": 12},
        "state": {"enum": ["open", "paid", None]},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"item": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}, "count": {"minimum": 1}},
                "required": ["item"],
                "additionalProperties": False,
            },
            "minItems": 1,
            "maxItems": 3,
        },
    },
    "required": ["customer", "state", "lines"],
    "additionalProperties": False,
}


def write_answers(structure: Structure) -> list[str]:
    grammar = GRAMMARS.compile(structure)
    return [TEMPLATE.decode(walk(grammar, TEMPLATE, Random(seed))) for seed in SEEDS]


def refuse(kind: Any, value: str) -> InvalidStructure:
    with pytest.raises(InvalidStructure) as caught:
        GRAMMARS.compile(Structure(kind, value))
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("schema", [ORDER, TREE, True, {"type": ["string", "null"], "maxLength": 5}])
def test_whatever_is_written_under_a_schema_follows_it(schema: Any) -> None:
    for text in write_answers(Structure("json_schema", json.dumps(schema))):
        Draft202012Validator(schema).validate(json.loads(text))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(schema=SCHEMAS, seed=st.integers(0, 9))
def test_whatever_is_written_under_any_schema_that_is_not_refused_follows_it(schema: dict[str, Any], seed: int) -> None:
    try:
        grammar = GRAMMARS.compile(Structure("json_schema", json.dumps(schema)))
    except InvalidStructure:
        assume(False)
    text = TEMPLATE.decode(walk(grammar, TEMPLATE, Random(seed), patience=20))
    try:
        Draft202012Validator(schema).validate(json.loads(text))
    except RecursionError:
        assume(False)  # jsonschema runs in circles where a schema is but a reference to itself


def test_a_json_object_is_what_it_says() -> None:
    for text in write_answers(Structure("json_object")):
        assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize(
    "pattern",
    ["a+b", r"\d{3}-\w*!", "(yes|no), because .{3,20}", "a/b\nc", "[äöü]+|", "(?i)ok", "^x$", "(a|b)*a(a|b){12}"],
)
def test_whatever_is_written_under_a_pattern_matches_it_as_a_whole(pattern: str) -> None:
    for text in write_answers(Structure("regex", pattern)):
        assert re.fullmatch(pattern, text)


def test_every_choice_can_be_written_and_nothing_else() -> None:
    choices = ["yes", "no", "", "y", "a.b*", "ä ö", "日本\n", 'say "x\\y"', "😀", "<|im_end|>", " led by a space"]
    grammar = GRAMMARS.compile(Structure("choice", json.dumps(choices)))
    written = {TEMPLATE.decode(walk(grammar, TEMPLATE, Random(seed))) for seed in range(120)}
    assert written == set(choices)


@pytest.mark.parametrize("value", ["", "yes", "[]", '"yes"', "[1]", '["yes", null]', "[" * 100_000])
def test_a_choice_that_is_no_list_of_texts_is_refused(value: str) -> None:
    assert "choice" in refuse("choice", value).message


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "unclosed group"),
        ("(?=a)b", "look-around"),
        (r"(a)\1", "backreferences"),
        (r"\bword\b", "not supported"),
        (r"[^\s\S]", "no text fits"),
        ("a" * 100_000, "characters"),
    ],
)
def test_a_pattern_that_cannot_be_followed_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    assert reason in refuse("regex", pattern).message


@pytest.mark.parametrize(
    "pattern", ["a{1000000}", "(a{1000}){1000}", "(a?){5000}a{5000}", "((((.{0,30}){0,30}){0,30}){0,30}){0,30}b"]
)
def test_repetition_beyond_measure_is_refused_before_anything_is_written(pattern: str) -> None:
    assert "too many" in refuse("regex", pattern).message


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a|a)*(a|b*)*c", "(.*)(.*)(.*)[^x]"])
def test_a_pattern_that_makes_backtracking_matchers_run_forever_is_followed_like_any_other(pattern: str) -> None:
    assert len(write_answers(Structure("regex", pattern))) == len(SEEDS)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "string", "minLength": 5, "maxLength": 2}, "minLength"),
        ({"type": "integer", "minimum": 5, "maximum": 2}, "minimum"),
        ({"allOf": [{"type": "string"}, {"type": "null"}]}, "incompatible types"),
        ({"const": 1, "type": "string"}, "incompatible types"),
        ({"type": "object", "required": ["a"], "additionalProperties": False}, "'a' is unsatisfiable"),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "'a' is unsatisfiable"),
        ({"type": "integer", "minimum": 1, "maximum": 2, "multipleOf": 7}, "multiple of 7"),
        ({"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]}, "oneOf"),
        ({"allOf": [{"anyOf": [{"properties": {f"a{i}{j}": {}}} for j in range(8)]} for i in range(8)]}, "too large"),
    ],
)
def test_demands_that_exclude_each_other_are_refused_with_the_reason(schema: dict[str, Any], reason: str) -> None:
    message = refuse("json_schema", json.dumps(schema)).message
    assert reason in message
    assert "start:" not in message, "the grammar is nothing that a user wrote"


def test_json_stands_on_one_line_with_at_most_a_space_after_commas_and_colons() -> None:
    for text in write_answers(Structure("json_schema", json.dumps(TREE))):
        assert re.fullmatch(r"(\S|(?<=[,:]) )+", text)


def test_a_structure_is_compiled_once() -> None:
    structure = Structure("choice", '["once"]')
    assert GRAMMARS.compile(structure) is GRAMMARS.compile(structure)


def test_only_so_many_grammars_are_kept() -> None:
    grammars = Grammars(TEMPLATE, vocabulary_size=len(TEMPLATE.tokenizer))
    first = grammars.compile(Structure("choice", '["first"]'))
    for number in range(MOST_KEPT):
        grammars.compile(Structure("choice", f'["{number}"]'))
    assert grammars.compile(Structure("choice", '["first"]')) is not first
    grammars.close()
