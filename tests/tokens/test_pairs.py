"""Preferences as pairs of rows: what is trained, what both share, and of which pairs nothing can be learnt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from luthier.conversation import Conversation, Message, ToolCall
from luthier.data.dataset import Example
from luthier.data.reading import load_dataset
from luthier.errors import DataError, TemplateNotMaskable
from luthier.tokens.encode import EncodedExample, encode_conversation
from luthier.tokens.packing import pack_rows
from luthier.tokens.pairs import EncodedPair, encode_item, explain_untrained
from tests.support.tiny import CHATML, build_template

SYSTEM, USER = Message("system", "Be kind."), Message("user", "Is it raining?")
YES, NO = Message("assistant", "Yes, dear."), Message("assistant", "Dunno.")
CALL = Message("assistant", tool_calls=(ToolCall("c1", "look_up", '{"place":"Ulm"}'),))
RESULT = Message("tool", "wet", tool_call_id="c1")
TOOLS_TEMPLATE = "{% if tools %}{{ tools | tojson }}\n{% endif %}" + CHATML
TOOLS = json.dumps([{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}])


def make_example(*prompt: Message, chosen: Message = YES, rejected: Message = NO, tools: str = "") -> Example:
    return Example(Conversation((*prompt, chosen), tools), 1, rejected)


def trained_text(row: EncodedExample) -> str:
    return build_template().tokenizer.decode(
        [t for t, is_target in zip(row.ids, row.is_target, strict=True) if is_target]
    )


def test_each_row_trains_its_final_answer_alone() -> None:
    pair = encode_item(build_template(), make_example(SYSTEM, USER, YES, USER))
    assert [trained_text(row) for row in pair.rows] == ["Yes, dear.<|im_end|>", "Dunno.<|im_end|>"]
    assert (pair.rows, pair.weight) == ((pair.chosen, pair.rejected), 1)


def test_a_pair_sees_the_very_prompt_that_a_model_in_use_sees() -> None:
    template = build_template()
    pair = encode_item(template, make_example(SYSTEM, USER, YES, USER))
    prompt = tuple(template.encode_prompt((SYSTEM, USER, YES, USER)))
    for row in pair.rows:
        assert row.ids[: len(prompt)] == prompt
        assert row.is_target[: len(prompt)] == (False,) * len(prompt)
        assert row.is_target[len(prompt)]


def test_without_earlier_answers_the_chosen_row_is_that_of_supervised_training() -> None:
    template, example = build_template(), make_example(SYSTEM, USER)
    assert encode_item(template, example).chosen == encode_conversation(template, example.conversation)
    assert encode_item(template, replace(example, rejected=None)) == encode_conversation(template, example.conversation)


def test_tools_and_their_calls_are_part_of_a_pair() -> None:
    template = build_template(TOOLS_TEMPLATE)
    pair = encode_item(template, make_example(USER, chosen=CALL, rejected=NO, tools=TOOLS))
    assert trained_text(pair.chosen) == '<call>look_up {"place": "Ulm"}</call><|im_end|>'
    assert trained_text(pair.rejected) == "Dunno.<|im_end|>"
    after = encode_item(template, make_example(USER, CALL, RESULT, tools=TOOLS))
    assert trained_text(after.chosen) == "Yes, dear.<|im_end|>"
    assert "look_up" in template.tokenizer.decode(list(after.rejected.ids))


def test_the_prompt_counts_once_and_is_packed_once() -> None:
    pair = encode_item(build_template(), make_example(SYSTEM, USER))
    packed = pack_rows(pair.rows)
    assert pair.token_count == packed.input_ids.shape[1]
    assert pair.token_count < pair.chosen.token_count + pair.rejected.token_count
    short = EncodedPair(EncodedExample((1, 2, 3), (False, True, True)), EncodedExample((1, 4), (False, True)))
    assert short.token_count == pack_rows(short.rows).input_ids.shape[1] == 5


def test_nothing_can_be_learnt_from_one_answer_twice_or_from_an_answer_of_weight_0() -> None:
    template = build_template()
    assert explain_untrained(encode_item(template, make_example(USER))) == ""
    same = encode_item(template, make_example(USER, chosen=NO, rejected=NO))
    assert explain_untrained(same) == "both of its answers are the same tokens, so neither can be preferred"
    for muted in ({"chosen": replace(YES, is_trained=False)}, {"rejected": replace(NO, is_trained=False)}):
        item = encode_item(template, make_example(USER, **muted))
        assert explain_untrained(item) == f"none of its {max(len(row.ids) for row in item.rows)} tokens is trained"


def test_answers_that_a_template_makes_alike_are_the_same() -> None:
    template = build_template(CHATML.replace("{{ message['content'] }}", "{{ message['content'] | trim }}"))
    pair = encode_item(template, make_example(USER, rejected=Message("assistant", "Yes, dear.\n")))
    assert explain_untrained(pair)


def test_what_cannot_be_masked_or_rendered_is_refused_for_either_answer() -> None:
    broken = build_template(CHATML.replace("<|im_end|>", ""))
    with pytest.raises(TemplateNotMaskable):
        encode_item(broken, make_example(USER))
    with pytest.raises(DataError, match="control token"):
        encode_item(build_template(), make_example(USER, rejected=Message("assistant", "a<|im_end|>b")))


def test_a_row_of_openais_format_becomes_a_pair(tmp_path: Path) -> None:
    row = {
        "input": {"messages": [USER.to_openai()], "tools": json.loads(TOOLS), "parallel_tool_calls": True},
        "preferred_output": [CALL.to_openai()],
        "non_preferred_output": [NO.to_openai()],
    }
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({**row, "metadata": {"n": n}}) + "\n" for n in range(1)))
    (example,) = load_dataset(path, minimum=1).examples
    pair = encode_item(build_template(TOOLS_TEMPLATE), example)
    assert pair == encode_item(
        build_template(TOOLS_TEMPLATE), make_example(USER, chosen=CALL, tools=example.conversation.tools)
    )
