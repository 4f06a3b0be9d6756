"""Graders are read as OpenAI writes them, in all its forms, and refused with the place that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.openai.definition import Multi, ScoreModel, read_grader
from tests.evaluation.graders.openai.definitions import ALIKE, ALL, CODE, EXACT, JUDGE, LABELS, MULTI


@pytest.mark.parametrize("definition", ALL, ids=lambda definition: definition["type"])
def test_each_kind_is_read(definition: dict[str, Any]) -> None:
    grader = read_grader(definition)
    assert grader.type == definition["type"]
    assert grader.name == definition["name"]


@pytest.mark.parametrize("graders", [{"exact": EXACT}, [EXACT], EXACT], ids=["map", "list", "single"])
def test_a_multi_grader_takes_all_three_forms_of_graders(graders: Any) -> None:
    grader = read_grader({**MULTI, "graders": graders, "calculate_output": "exact"})
    assert isinstance(grader, Multi)
    assert list(grader.graders) == ["exact"]


def test_what_openais_guides_leave_out_may_be_left_out() -> None:
    nameless = {key: value for key, value in {**MULTI, "pass_threshold": 0.5}.items() if key != "name"}
    assert read_grader(nameless).pass_threshold == 0.5
    inner = {**CODE, "pass_threshold": 1}
    del inner["name"]
    assert read_grader({**MULTI, "graders": {"a": inner}, "calculate_output": "a"})


@pytest.mark.parametrize(
    "content",
    [
        "Is {{ item.x }} right?",
        {"type": "input_text", "text": "Is {{ item.x }} right?"},
        ["Is ", {"type": "output_text", "text": "{{ item.x }} right?"}],
    ],
)
def test_a_judges_messages_are_text_in_any_form(content: Any) -> None:
    grader = read_grader({**JUDGE, "input": [{"role": "user", "content": content}]})
    assert isinstance(grader, ScoreModel)
    assert grader.input[0].text == "Is {{ item.x }} right?"


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ({}, "type: must be one of 'string_check', "),
        ([], "a grader is a JSON object"),
        ("exact", "a grader is a JSON object"),
        ({"type": "endpoint"}, "type: must be one of 'string_check', "),
        ({**EXACT, "operation": "neq"}, "operation: input should be 'eq', 'ne', 'like' or 'ilike'"),
        ({**EXACT, "weight": 1}, "weight: a grader of this type has no such field"),
        ({**EXACT, "input": 5}, "input: input should be a valid string"),
        ({**EXACT, "reference": "{{ answer }}"}, "reference: {{ answer }}: a place begins with item or sample"),
        ({"type": "string_check", "name": "x"}, "input: field required"),
        ({**ALIKE, "evaluation_metric": "rouge_6"}, "evaluation_metric: input should be 'cosine', "),
        ({**JUDGE, "input": []}, "input: list should have at least 1 item"),
        ({**JUDGE, "range": [1, 0]}, "range: the first number must be less than the second"),
        ({**JUDGE, "range": [1]}, "range: list should have at least 2 items"),
        ({**JUDGE, "sampling_params": {"temperature": 3}}, "sampling_params.temperature: input should be less"),
        ({**JUDGE, "sampling_params": {"max_tokens": 3}}, "sampling_params.max_tokens: a grader of this type has no"),
        (
            {**JUDGE, "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
            "input[0].content[0].type: input should be 'input_text', 'output_text' or 'text'",
        ),
        ({**LABELS, "passing_labels": ["nice"]}, "passing_labels: 'nice' is not one of the labels"),
        ({**CODE, "source": "#" * 262_144}, "source: must be smaller than 256 kB"),
        ({**MULTI, "graders": {}}, "graders: dictionary should have at least 1 item"),
        ({**MULTI, "graders": [EXACT, EXACT]}, "graders: two of them have the same name"),
        ({**MULTI, "graders": [{**EXACT, "name": ""}]}, "graders: each of them needs a name of its own"),
        ({**MULTI, "graders": {"exact": MULTI}}, "graders.exact.type: must be one of 'string_check', "),
        ({**MULTI, "graders": {"exact": {**EXACT, "input": 5}}}, "graders.exact.input: input should be a valid"),
        ({**MULTI, "calculate_output": "exact + other"}, "'other' is none of the graders: exact, alike"),
    ],
)
def test_what_is_no_grader_is_refused_with_its_place(definition: Any, said: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        read_grader(definition)
    assert caught.value.message.startswith(said)
