from __future__ import annotations

import pytest

from luthier.engine.tools.call_syntax import ObjectSyntax, ParameterSyntax, TaggedSyntax
from luthier.engine.tools.learning import learn_tool_format
from luthier.engine.tools.tool_format import ToolFormat
from tests.engine.tools.templates import (
    DEAF,
    HERMES,
    LEARNABLE,
    LLAMA,
    MISTRAL_LIST,
    MISTRAL_TAGGED,
    OPENAI_LIKE,
    PARAMETERS,
    SILENT,
    WRAPPED,
    build_tool_template,
)
from tests.support.tiny import build_template


def learn(jinja: str) -> ToolFormat:
    learned = learn_tool_format(build_tool_template(jinja))
    assert learned is not None
    return learned


def test_calls_between_marks_are_learned() -> None:
    learned = learn(HERMES)
    assert learned.syntax == ObjectSyntax("<tool_call>\n", "\n</tool_call>")
    assert learned.hold_back == "<tool_call>"


def test_other_key_names_and_calls_without_marks_are_learned() -> None:
    learned = learn(LLAMA)
    assert learned.syntax == ObjectSyntax("", "", arguments_path=("parameters",))
    assert (learned.hold_back, learned.prelude) == ("", "<|python_tag|>")


def test_that_a_template_writes_one_call_at_most_is_learned() -> None:
    writing = learn(LLAMA).writing
    assert writing is not None
    assert writing.between is None


def test_a_list_of_calls_with_short_ids_behind_a_control_token_is_learned() -> None:
    template = build_tool_template(MISTRAL_LIST)
    learned = learn_tool_format(template)
    assert learned is not None
    assert learned.syntax == ObjectSyntax("[TOOL_CALLS]", "", id_path=("id",))
    assert learned.control_tokens == {"[TOOL_CALLS]": template.tokenizer.convert_tokens_to_ids("[TOOL_CALLS]")}
    assert learned.has_short_ids


def test_names_outside_of_the_json_are_learned() -> None:
    assert learn(MISTRAL_TAGGED).syntax == TaggedSyntax("[TOOL_CALLS]", "[ARGS]", "")


def test_marks_around_all_calls_are_told_from_marks_around_each() -> None:
    assert learn(WRAPPED).syntax == TaggedSyntax(
        "<calls><call>function<sep>",
        "\n```json\n",
        closing="\n```<end>",
        opening="<call>function<sep>",
        tail="</calls>",
    )


def test_arguments_as_text_in_nested_objects_are_learned() -> None:
    syntax = ObjectSyntax("<|calls|>\n", "\n<|/calls|>", ("function", "name"), ("function", "arguments"))
    assert learn(OPENAI_LIKE).syntax == syntax


def test_arguments_in_marks_of_their_own_are_learned() -> None:
    assert learn(PARAMETERS).syntax == ParameterSyntax(
        head="<tool_call>\n<function=",
        middle=">",
        key_open="\n<parameter=",
        key_close=">\n",
        value_close="\n</parameter>",
        tail="\n</function>\n</tool_call>",
    )


def test_a_family_is_known_by_its_mark_where_the_template_shows_no_calls() -> None:
    assert learn(SILENT).syntax == ObjectSyntax("<tool_call>", "</tool_call>")


@pytest.mark.parametrize("jinja", [DEAF, None])
def test_a_template_that_offers_no_tools_has_no_format(jinja: str | None) -> None:
    assert learn_tool_format(build_tool_template(jinja) if jinja else build_template()) is None


def test_a_template_that_shows_calls_in_no_known_way_has_no_format() -> None:
    unknown = SILENT.replace("<tool_call>", "calls are nowhere")
    assert learn_tool_format(build_tool_template(unknown)) is None


def test_a_template_that_cannot_take_arguments_as_an_object_falls_back_on_its_family() -> None:
    broken = HERMES.replace("{{ function.arguments | tojson }}", "{{ '' + function.arguments }}")
    assert learn(broken).syntax == ObjectSyntax("<tool_call>", "</tool_call>")


def test_an_empty_thought_before_an_answer_is_no_part_of_a_call() -> None:
    thinking = HERMES.replace("\n{{ message.content }}", "\n<think>\n\n</think>\n\n{{ message.content }}")
    assert thinking != HERMES
    assert learn(thinking).syntax == learn(HERMES).syntax


@pytest.mark.parametrize("family", LEARNABLE)
def test_learning_twice_gives_the_same(family: str) -> None:
    assert learn(LEARNABLE[family]) == learn(LEARNABLE[family])
