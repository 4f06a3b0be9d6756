from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from luthier.conversation import Message
from luthier.engine.protocol import Request, Sampling, Structure
from luthier.engine.structure.grammars import Grammars
from luthier.engine.structure.shape import AnswerShape, plan_shape
from luthier.engine.tools.learning import learn_tool_format
from luthier.errors import InvalidRequest, InvalidStructure
from luthier.tokens.chat_template import ChatTemplate
from tests.engine.structure.walks import walk
from tests.engine.tools.templates import HERMES, MISTRAL_TAGGED, PARAMETERS, build_tool_template
from tests.support.tiny import build_template

TOOLS = json.dumps([{"type": "function", "function": {"name": "stop_all"}}])
CALL = '<tool_call>\n{"name": "stop_all", "arguments": {}}\n</tool_call>'
YES_NO = Structure("choice", '["yes", "no"]')

HERMES_TEMPLATE = build_tool_template(HERMES)


def plan(template: ChatTemplate = HERMES_TEMPLATE, **asked: Any) -> AnswerShape:
    request = Request("tiny", (Message("user", "hi"),), Sampling(), **asked)
    grammars = Grammars(template, len(template.tokenizer))
    return plan_shape(request, template, grammars, learn_tool_format(template))


def write(shape: AnswerShape, seed: int, template: ChatTemplate = HERMES_TEMPLATE) -> str:
    assert shape.grammar is not None
    return shape.decode(walk(shape.grammar, template, Random(seed), patience=0))


def is_read_as_call(shape: AnswerShape, text: str) -> bool:
    reader = shape.read()
    reader.add(text)
    return bool(reader.finish().tool_calls)


def test_a_plain_request_has_no_grammar_and_nothing_is_read_from_its_answer() -> None:
    shape = plan()
    assert shape.grammar is None
    assert not is_read_as_call(shape, CALL)


def test_a_structure_alone_is_followed() -> None:
    shape = plan(structure=YES_NO)
    assert {write(shape, seed) for seed in range(9)} == {"yes", "no"}


def test_calls_that_are_left_to_the_model_are_read_and_not_demanded() -> None:
    shape = plan(tools=TOOLS)
    assert shape.grammar is None
    assert is_read_as_call(shape, CALL)


def test_a_strict_function_makes_calls_that_are_left_to_the_model_follow_its_schema() -> None:
    strict = TOOLS.replace('"name"', '"strict": true, "name"')
    shape = plan(tools=strict)
    assert shape.grammar is not None
    assert is_read_as_call(shape, CALL)
    assert plan(tools=strict, tool_choice="none").grammar is None


def test_one_call_alone_is_read_where_no_more_are_wanted() -> None:
    reader = plan(tools=TOOLS, parallel_tool_calls=False).read()
    reader.add(f"{CALL}\n{CALL}")
    assert len(reader.finish().tool_calls) == 1


def test_with_the_choice_none_a_call_is_text() -> None:
    shape = plan(tools=TOOLS, tool_choice="none", structure=YES_NO)
    assert not is_read_as_call(shape, CALL)
    assert {write(shape, seed) for seed in range(9)} == {"yes", "no"}


@pytest.mark.parametrize("choice", ["required", "stop_all"])
def test_a_demanded_call_comes_before_a_structure(choice: str) -> None:
    shape = plan(tools=TOOLS, tool_choice=choice, structure=YES_NO)
    assert all(is_read_as_call(shape, write(shape, seed)) for seed in range(3))


def test_a_structure_beside_tools_is_an_answer_of_that_form_or_a_call() -> None:
    shape = plan(tools=TOOLS, structure=YES_NO)
    texts = {write(shape, seed) for seed in range(30)}
    assert {"yes", "no"} < texts
    assert all(is_read_as_call(shape, text) for text in texts - {"yes", "no"})


def test_control_tokens_that_mark_calls_are_decoded_only_where_calls_are_read() -> None:
    template = build_tool_template(MISTRAL_TAGGED)
    ids = template.encode_text("[TOOL_CALLS]stop_all[ARGS]{}")
    assert plan(template, tools=TOOLS).decode(ids) == "[TOOL_CALLS]stop_all[ARGS]{}"
    assert plan(template, tools=TOOLS, tool_choice="none").decode(ids) == "stop_all{}"


def test_where_no_grammar_can_write_calls_a_structure_beside_tools_is_followed_alone() -> None:
    template = build_tool_template(PARAMETERS)
    shape = plan(template, tools=TOOLS, structure=YES_NO)
    assert {write(shape, seed, template) for seed in range(9)} == {"yes", "no"}


@pytest.mark.parametrize("choice", ["required", "stop_all"])
def test_a_call_cannot_be_demanded_without_tools(choice: str) -> None:
    with pytest.raises(InvalidRequest, match="offers no tools"):
        plan(tool_choice=choice)


def test_a_call_cannot_be_demanded_of_a_template_without_tools() -> None:
    with pytest.raises(InvalidRequest, match="no way to call a tool"):
        plan(build_template(), tools=TOOLS, tool_choice="required")


@pytest.mark.parametrize("asked", [{"tools": "[]"}, {"tools": TOOLS, "tool_choice": "stop_al"}])
def test_what_is_wrong_with_tools_is_told_whatever_is_chosen(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        plan(**asked)


def test_what_is_wrong_with_a_structure_is_told() -> None:
    with pytest.raises(InvalidStructure):
        plan(structure=Structure("regex", "("))
