from __future__ import annotations

import json
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from llguidance import LLMatcher

from luthier.conversation import Message, ToolCall
from luthier.engine.structure.grammars import Grammars
from luthier.engine.structure.vocabulary import Vocabulary
from luthier.engine.tools.decoding import build_decoder
from luthier.engine.tools.learning import learn_tool_format
from luthier.engine.tools.tool_format import ParsedAnswer, ToolFormat
from luthier.errors import InvalidRequest, InvalidStructure
from luthier.tokens.chat_template import ChatTemplate
from tests.engine.structure.walks import walk
from tests.engine.tools.templates import (
    HERMES,
    LEARNABLE,
    LLAMA,
    MISTRAL_LIST,
    MISTRAL_TAGGED,
    PARAMETERS,
    WRAPPED,
    build_tool_template,
)

TEMPLATES = {family: build_tool_template(jinja) for family, jinja in LEARNABLE.items()}

WEATHER = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Köln"]}, "days": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOLS = json.dumps(
    [
        {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}},
        {"type": "function", "function": {"name": "stop_all"}},
    ]
)
ANYTHING = {"type": "object"}

CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris",  "days": 3}}\n</tool_call>'

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.sampled_from([0.5, -1e30]) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
CALLS = st.lists(st.tuples(NAMES, st.dictionaries(st.text(max_size=8), VALUES, max_size=4)), min_size=1, max_size=3)


def learn(template: ChatTemplate) -> ToolFormat:
    learned = learn_tool_format(template)
    assert learned is not None
    return learned


def parse(jinja: str, text: str) -> ParsedAnswer:
    numbers = count(1)
    return learn(build_tool_template(jinja)).parse(text, TOOLS, make_id=lambda: f"call_{next(numbers)}")


def offer(*names: str) -> str:
    return json.dumps([{"type": "function", "function": {"name": name, "parameters": ANYTHING}} for name in names])


def render_turn(template: ChatTemplate, calls: list[tuple[str, dict[str, Any]]], tools: str) -> str:
    question = Message("user", "question")
    answer = Message(
        "assistant",
        tool_calls=tuple(
            ToolCall(f"{number:09d}", name, json.dumps(arguments)) for number, (name, arguments) in enumerate(calls)
        ),
    )
    opened = template.render([question], tools=tools, opens_answer=True)
    return template.render([question, answer], tools=tools).removeprefix(opened).removesuffix("<|im_end|>\n")


@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("family", [family for family in LEARNABLE if family != "parameters"])
@given(calls=CALLS)
def test_what_the_template_writes_is_read_as_it_was_meant(family: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    template = TEMPLATES[family]
    calls = calls[:1] if family == "llama" else calls
    tools = offer(*dict(calls))
    parsed = learn(template).parse(render_turn(template, calls, tools), tools)
    assert [(call.name, json.loads(call.arguments)) for call in parsed.tool_calls] == calls
    assert parsed.content == ""


@settings(max_examples=25, deadline=None)
@given(text=st.text(st.characters(blacklist_characters="<", blacklist_categories=["Cs"]), max_size=20), value=VALUES)
def test_arguments_in_marks_of_their_own_are_read_by_their_schema(text: str, value: Any) -> None:
    template = TEMPLATES["parameters"]
    properties = {"a text": {"type": "string"}, "value": {}}
    tools = json.dumps([{"function": {"name": "f", "parameters": {"type": "object", "properties": properties}}}])
    arguments = {"a text": text, "value": [value]}
    (call,) = learn(template).parse(render_turn(template, [("f", arguments)], tools), tools).tool_calls
    assert json.loads(call.arguments) == arguments


def test_arguments_stay_letter_for_letter_as_the_model_wrote_them() -> None:
    assert parse(HERMES, CALL).tool_calls == (ToolCall("call_1", "get_weather", '{"city": "Paris",  "days": 3}'),)


def test_text_around_calls_stays_and_calls_leave_no_gap() -> None:
    parsed = parse(HERMES, f"Let me look.\n\n{CALL}\n{CALL}\nDone.")
    assert parsed.content == "Let me look.\nDone."
    assert [call.id for call in parsed.tool_calls] == ["call_1", "call_2"]


def test_text_without_calls_stays_as_it_is() -> None:
    text = ' \n{"name": "get_weather", "arguments": {}} costs < 3 > 2 \n'
    assert parse(HERMES, text) == ParsedAnswer(text, ())


@pytest.mark.parametrize(
    "broken",
    [
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Par',
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": Paris}}\n</tool_call>',
        '<tool_call>\n{"name": "get_weather", "arguments": "Paris"}\n</tool_call>',
        '<tool_call>\n{"name": "get_weather", "arguments": [1]}\n</tool_call>',
        '<tool_call>\n{"name": "get_weather", "arguments": {"days": NaN}}\n</tool_call>',
        '<tool_call>\n{"arguments": {"city": "Paris"}}\n</tool_call>',
        '<tool_call>\n{"name": 3, "arguments": {}}\n</tool_call>',
        '<tool_call>\n{"name": "what a name!", "arguments": {}}\n</tool_call>',
        "<tool_call>\nget_weather(city='Paris')\n</tool_call>",
        "<tool_call>",
        "<tool_call>" + "[" * 100_000,
    ],
)
def test_what_is_no_complete_call_stays_visible_and_later_calls_are_read(broken: str) -> None:
    assert parse(HERMES, broken) == ParsedAnswer(broken, ())
    both = parse(HERMES, f"{broken}\n{CALL}")
    assert both.content == broken
    assert len(both.tool_calls) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name":"stop_all","arguments":{}}</tool_call>',
        '<tool_call> \n {"arguments": {}, "name": "stop_all", "id": 7}',
        '<tool_call>[{"name": "stop_all", "arguments": {}}]</tool_call>',
        '<tool_call>{"name": "stop_all"}</tool_call>',
        '<tool_call>{"name": "stop_all", "arguments": "{}"}</tool_call>',
    ],
)
def test_a_call_is_read_though_it_is_not_written_as_the_template_would(text: str) -> None:
    assert parse(HERMES, text) == ParsedAnswer("", (ToolCall("call_1", "stop_all", "{}"),))


def test_a_list_and_objects_one_after_another_are_many_calls() -> None:
    one, two = '{"name": "stop_all", "arguments": {}}', '{"name": "get_weather", "arguments": {"days": 1}}'
    for text in (f"[{one}, {two}]", f"{one}; {two}", f"{one}\n{two}"):
        parsed = parse(HERMES, f"<tool_call>{text}</tool_call>")
        assert [call.name for call in parsed.tool_calls] == ["stop_all", "get_weather"]
        assert parsed.content == ""


def test_a_call_of_an_unknown_function_or_with_other_arguments_is_a_call_as_in_the_openai_api() -> None:
    text = '<tool_call>{"name": "invented", "arguments": {"city": 3}}</tool_call>'
    assert parse(HERMES, text).tool_calls == (ToolCall("call_1", "invented", '{"city": 3}'),)


def test_an_id_that_the_model_wrote_is_kept() -> None:
    text = '[TOOL_CALLS][{"name": "stop_all", "arguments": {}, "id": "abcdefghi"}]'
    assert parse(MISTRAL_LIST, text).tool_calls == (ToolCall("abcdefghi", "stop_all", "{}"),)


def test_calls_with_tags_are_read_whatever_white_space_stands_between() -> None:
    text = "Now:\n<calls> <call>function<sep>stop_all\n\n```json\n{}\n```\n<end>\n</calls>"
    assert parse(WRAPPED, text) == ParsedAnswer("Now:", (ToolCall("call_1", "stop_all", "{}"),))
    assert len(parse(MISTRAL_TAGGED, "[TOOL_CALLS]stop_all[ARGS]{}[TOOL_CALLS] stop_all [ARGS] {}").tool_calls) == 2


@pytest.mark.parametrize("text", ["[TOOL_CALLS]", "[TOOL_CALLS]stop_all{}", "[TOOL_CALLS]stop_all[ARGS]3", "[ARGS]{}"])
def test_tags_that_make_no_call_stay_visible(text: str) -> None:
    assert parse(MISTRAL_TAGGED, text) == ParsedAnswer(text, ())


def test_parameters_that_are_not_closed_make_no_call() -> None:
    text = "<tool_call>\n<function=stop_all>\n<parameter=a>\n1\n"
    assert parse(PARAMETERS, text) == ParsedAnswer(text, ())


def test_without_a_mark_only_an_offered_function_alone_tells_a_call_from_json() -> None:
    call = '{"name": "stop_all", "parameters": {}}'
    read = (ToolCall("call_1", "stop_all", "{}"),)
    assert parse(LLAMA, f" {call}\n") == ParsedAnswer("", read)
    assert parse(LLAMA, f"<|python_tag|>{call}") == ParsedAnswer("", read)
    for text in (call.replace("stop_all", "Ada"), f"{call} is how", f"Call {call}", '{"name": "stop_all"', ""):
        assert parse(LLAMA, text) == ParsedAnswer(text, ())


def test_ids_are_different_and_of_the_form_that_the_template_takes() -> None:
    long, short = learn(TEMPLATES["hermes"]), learn(TEMPLATES["mistral_list"])
    assert len({long.make_id() for _ in range(100)}) == 100
    assert long.make_id().startswith("call_")
    assert len(short.make_id()) == 9
    assert short.make_id().isalnum()


@pytest.mark.parametrize("family", [family for family in LEARNABLE if family not in ("parameters", "openai_like")])
@pytest.mark.parametrize("choice", ["required", "get_weather"])
def test_demanded_calls_are_well_formed_and_follow_their_schema(family: str, choice: str) -> None:
    template = TEMPLATES[family]
    learned = learn(template)
    grammar = Grammars(template, len(template.tokenizer) + 3).compile_source(learned.demand(TOOLS, choice))
    names = set()
    for seed in range(6):
        ids = walk(grammar, template, Random(seed), patience=0)
        content, calls = learned.parse(build_decoder(template, learned)(ids), TOOLS)
        assert content == ""
        assert calls
        for call in calls:
            names.add(call.name)
            Draft202012Validator(WEATHER if call.name == "get_weather" else {"maxProperties": 0}).validate(
                json.loads(call.arguments)
            )
    assert names == ({"get_weather"} if choice == "get_weather" else {"get_weather", "stop_all"})


def test_a_named_function_is_called_once_and_required_ones_as_often_as_the_template_writes() -> None:
    hermes, llama = learn(TEMPLATES["hermes"]), learn(TEMPLATES["llama"])
    repeated = "call){0,"
    assert repeated in hermes.demand(TOOLS, "required").body
    assert repeated not in hermes.demand(TOOLS, "stop_all").body
    assert repeated not in llama.demand(TOOLS, "required").body


def test_a_function_that_is_not_offered_cannot_be_demanded() -> None:
    with pytest.raises(InvalidRequest, match="names no tool") as caught:
        learn(TEMPLATES["hermes"]).demand(TOOLS, "get_wether")
    assert caught.value.hint == "did you mean get_weather?"


def test_parameters_that_no_grammar_guarantees_are_refused_with_their_function() -> None:
    tools = json.dumps([{"function": {"name": "f", "strict": True, "parameters": {"type": "object", "not": {}}}}])
    for ask in (lambda hermes: hermes.demand(tools, "required"), lambda hermes: hermes.allow(tools)):
        with pytest.raises(InvalidStructure, match=r"the parameters of f: .* 'not'"):
            ask(learn(TEMPLATES["hermes"]))


def test_parameters_that_are_not_strict_are_any_object_where_no_grammar_guarantees_them() -> None:
    tools = json.dumps([{"function": {"name": "f", "parameters": {"type": "object", "not": {}}}}])
    hermes = learn(TEMPLATES["hermes"])
    assert '"not"' not in hermes.demand(tools, "required").rules
    assert '"type": "object"' in hermes.demand(tools, "required").rules


def test_a_form_that_no_grammar_writes_is_refused_and_not_approximated() -> None:
    with pytest.raises(InvalidRequest, match="cannot be demanded"):
        learn(TEMPLATES["parameters"]).demand(TOOLS, "required")


STRICT = TOOLS.replace('"name": "get_weather"', '"name": "get_weather", "strict": true')
GOOD_CALLS = {
    "hermes": '<tool_call>\n{"name": "get_weather", "arguments": %s}\n</tool_call>',
    "llama": '{"name": "get_weather", "parameters": %s}',
    "mistral_tagged": "[TOOL_CALLS]get_weather[ARGS]%s",
    "wrapped": "<calls><call>function<sep>get_weather\n```json\n%s\n```<end></calls>",
    "function_tag": "<function=get_weather>%s</function>",
}
"""As the template writes them; a text may come before all but those without a mark."""


def allows(family: str, text: str, tools: str = STRICT) -> bool:
    """Whether a model that is free to call might write this, and end there."""
    template = TEMPLATES[family]
    source = learn(template).allow(tools)
    assert source is not None
    matcher = LLMatcher(Vocabulary(template, len(template.tokenizer)).tokenizer, source.text, log_level=0)
    ids = template.encode_text(text)
    return bool(matcher.try_consume_tokens(ids) == len(ids) and matcher.is_accepting())


@pytest.mark.parametrize("family", GOOD_CALLS)
def test_a_strict_function_that_may_be_called_is_called_as_its_schema_says(family: str) -> None:
    right, wrong = '{"city": "Paris", "days": 3}', '{"city": "Rome", "days": 3}'
    lead = "" if family == "llama" else "Let me see.\n"
    assert allows(family, lead + GOOD_CALLS[family] % right)
    assert not allows(family, lead + GOOD_CALLS[family] % wrong)
    assert not allows(family, lead + (GOOD_CALLS[family] % right).replace("get_weather", "get_wind"))


@pytest.mark.parametrize("family", GOOD_CALLS)
@pytest.mark.parametrize("text", ["", "It rains.", "a < b, and <tool", "line\n\nline", "Ünïcödé 🌧"])
def test_beside_strict_functions_any_text_without_a_call_may_be_written(family: str, text: str) -> None:
    assert allows(family, text)


def test_without_a_strict_function_calls_are_left_to_the_model() -> None:
    assert learn(TEMPLATES["hermes"]).allow(TOOLS) is None


def test_strict_functions_are_refused_where_no_grammar_writes_calls() -> None:
    with pytest.raises(InvalidRequest, match="strict functions cannot be guaranteed"):
        learn(TEMPLATES["parameters"]).allow(STRICT)


def test_one_call_alone_may_be_demanded_of_templates_that_write_several() -> None:
    hermes = learn(TEMPLATES["hermes"])
    assert "call){0," not in hermes.demand(TOOLS, "required", is_single=True).body
    allowed = hermes.allow(STRICT, is_single=True)
    assert allowed is not None
    assert "call){0," not in allowed.body
