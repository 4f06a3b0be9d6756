"""What every grader promises, whatever a model writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.conversation import ToolCall
from luthier.evaluation.graders.grading import grade_one
from luthier.evaluation.graders.protocol import Output, prepare_grader
from luthier.evaluation.graders.registry import parse_grader
from tests.evaluation.graders.openai.definitions import ALIKE, EXACT, MULTI
from tests.evaluation.graders.samples import build_sample
from tests.evaluation.graders.tools import make_tools

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Grader

RULES = """
lists = "set"
null_is_absent = true
fields.a = {compare = "number", tolerance = "1%"}
fields.b = {compare = "date"}
fields.c = {compare = "similarity", at_least = 0.5}
fields.d = {ignore_case = true, ignore_space = true}
fields.e = {list = "key", key = "a"}
"""
SCHEMA = {
    "type": ["object", "array", "string", "number"],
    "uniqueItems": True,
    "additionalProperties": {"minLength": 1},
}

FROM_A_REFERENCE = [
    "exact",
    "normalized",
    "json",
    "fields",
    "fields:FILE",
    "label",
    "label:a",
    "number",
    "number:1%",
    "date",
    "tools",
    *(f"similarity:{metric}" for metric in ("fuzzy", "chrf", "bleu", "rouge_l", "token_f1")),
    "exact.json",
]
WITHOUT_ONE = ["alike.json", "valid-json", "schema:FILE", "contains:é", r"regex:^\d+$", "multi.json"]

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5) | st.dates().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcde"), inner, max_size=4),
    max_leaves=12,
)
surrogates = st.text(st.characters(), max_size=8)
shapes = st.sampled_from(
    ["{", "[" * 200, '{"a": 1e999}', "1" * 5000, "NaN", "2024-03-04", "3/4/2024", "1,234.5", "```json"]
)
texts = st.one_of(values.map(json.dumps), surrogates, shapes, st.text(max_size=20))
calls = st.lists(st.builds(ToolCall, st.just("call"), st.sampled_from(["find", "pay"]), texts), max_size=3).map(tuple)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graders")
    (path / "rules.toml").write_text(RULES)
    files: dict[str, Any] = {
        "schema.json": SCHEMA,
        "exact.json": {**EXACT, "reference": "{{ item.reference }}"},
        "alike.json": {**ALIKE, "reference": "{{ item.reference }}", "pass_threshold": 0.0},
        "multi.json": {
            **MULTI,
            "graders": {"a": {**EXACT, "reference": "{{ sample.output_json.a[0] }}"}},
            "calculate_output": "1 / a",
        },
    }
    for name, content in files.items():
        (path / name).write_text(json.dumps(content))
    return path


def parse(form: str, folder: Path) -> Grader:
    kind = form.partition(":")[0]
    files = {"fields": "rules.toml", "schema": "schema.json"}
    written = form.replace("FILE", str(folder / files.get(kind, "")))
    return parse_grader(str(folder / form) if form.endswith(".json") else written, tools=make_tools())


some = settings(max_examples=25, deadline=None)


@some
@pytest.mark.parametrize("form", [*FROM_A_REFERENCE, *WITHOUT_ONE])
@given(text=texts, reference=texts, called=calls, wanted=calls)
def test_a_grader_has_a_grade_for_every_answer(
    form: str, folder: Path, text: str, reference: str, called: tuple[ToolCall, ...], wanted: tuple[ToolCall, ...]
) -> None:
    grader, sample = parse(form, folder), build_sample(reference, reference_calls=wanted)
    if wanted and parse_grader("tools").reference_problem(sample) is not None:
        sample = build_sample(reference)
    if grader.reference_problem(sample) is not None:
        return
    grade = grade_one(grader, Output(text, called), sample)
    assert grade.explanation
    assert "\n" not in grade.explanation
    assert 0 <= grade.points <= 1
    assert json.dumps(grade.fields) is not None
    assert grade == grade_one(grader, Output(text, called), sample)


@some
@pytest.mark.parametrize("form", FROM_A_REFERENCE)
@given(reference=texts, wanted=calls)
def test_the_reference_passes_against_itself(
    form: str, folder: Path, reference: str, wanted: tuple[ToolCall, ...]
) -> None:
    sample = build_sample(reference, reference_calls=wanted)
    if parse_grader("tools").reference_problem(sample) is not None:
        sample = build_sample(reference)
    grader = parse(form, folder)
    if grader.reference_problem(sample) is not None:
        return
    grade = grade_one(grader, Output(sample.reference, sample.reference_calls), sample)
    assert grade.passed, grade
    assert grade.points == pytest.approx(1)
    assert {field.kind for field in grade.fields} <= {"right"}


@some
@given(st.lists(texts, min_size=1, max_size=5))
def test_labels_of_the_data_are_all_known_to_the_prepared_grader(references: list[str]) -> None:
    samples = [build_sample(each) for each in [*references, "yes", "no"] if each.strip()]
    grader = prepare_grader(parse_grader("label"), samples)
    for sample in samples:
        assert grade_one(grader, Output(sample.reference), sample).passed
    assert grade_one(grader, Output("neither of them, surely"), samples[0]).label == (samples[0].reference.strip(), "")
