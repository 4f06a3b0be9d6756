"""What is trained: the assistant's answers and their end, and not one token more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tokenizers import AddedToken

from luthier.conversation import Conversation, Message, ToolCall
from luthier.errors import DataError, TemplateNotMaskable
from luthier.tokens.chat_template import ChatTemplate
from luthier.tokens.encode import encode_conversation
from tests.support.tiny import CHATML, build_template, build_tokenizer

if TYPE_CHECKING:
    from luthier.tokens.encode import EncodedExample

SYSTEM, USER, ANSWER = Message("system", "be brief"), Message("user", "hi"), Message("assistant", "hello")
CALL = Message("assistant", tool_calls=(ToolCall("c1", "weather", '{"city":"Rome"}'),))
RESULT = Message("tool", "sunny", tool_call_id="c1")
THINKING = CHATML.replace(
    "{{ message['content'] }}<|im_end|>",
    "{% if loop.last %}<think></think>{% endif %}{{ message['content'] }}<|im_end|>",
)


def trained_text(template: ChatTemplate, encoded: EncodedExample) -> list[str]:
    """The trained stretches, each as text."""
    stretches: list[list[int]] = []
    for position, (token, flag) in enumerate(zip(encoded.ids, encoded.is_target, strict=True)):
        if flag and not encoded.is_target[position - 1]:
            stretches.append([])
        if flag:
            stretches[-1].append(token)
    return [template.tokenizer.decode(stretch) for stretch in stretches]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ((USER, ANSWER), ["hello<|im_end|>"]),
        ((SYSTEM, USER, ANSWER), ["hello<|im_end|>"]),
        ((USER, ANSWER, USER, Message("assistant", "bye")), ["hello<|im_end|>", "bye<|im_end|>"]),
        ((USER, Message("assistant", "no", is_trained=False), USER, ANSWER), ["hello<|im_end|>"]),
        (
            (USER, CALL, RESULT, ANSWER),
            ['<call>weather {"city": "Rome"}</call><|im_end|>', "hello<|im_end|>"],
        ),
        ((USER, Message("assistant", "\n two\nlines \n")), ["\n two\nlines \n<|im_end|>"]),
        ((USER, Message("assistant", "hi")), ["hi<|im_end|>"]),
        ((Message("user", "assistant\nhello"), ANSWER), ["hello<|im_end|>"]),
        ((USER, Message("assistant", "é→🎻")), ["é→🎻<|im_end|>"]),
    ],
    ids=[
        "plain",
        "system",
        "two turns",
        "weight 0",
        "tools",
        "white space",
        "echo",
        "marker in prompt",
        "unicode",
    ],
)
def test_answers_and_their_end_are_trained_and_nothing_else(messages: tuple[Message, ...], expected: list[str]) -> None:
    template = build_template()
    encoded = encode_conversation(template, Conversation(messages))
    assert trained_text(template, encoded) == expected


def test_trained_prompts_have_the_tokens_that_are_served() -> None:
    template = build_template()
    for answer in ("hello", "\n\nhello", " hello"):
        encoded = encode_conversation(template, Conversation((SYSTEM, USER, Message("assistant", answer))))
        served = template.encode_prompt((SYSTEM, USER))
        assert list(encoded.ids[: len(served)]) == served
        assert encoded.is_target.index(True) == len(served)


def build_merging_template() -> ChatTemplate:
    """With a token for two line breaks, which an answer that begins with one shares with the prompt before it."""
    tokenizer = build_tokenizer()
    tokenizer.add_tokens([AddedToken("\n\n", normalized=False)])
    return ChatTemplate(tokenizer, frozenset({tokenizer.eos_token_id}))


def test_a_token_across_the_border_is_cut_in_two() -> None:
    """The answer's first line break would else hide in the prompt's last token."""
    template = build_merging_template()
    encoded = encode_conversation(template, Conversation((USER, Message("assistant", "\nhello"))))
    served = template.encode_prompt((USER,))
    assert list(encoded.ids[: len(served)]) == served
    assert trained_text(template, encoded) == ["\nhello<|im_end|>"]


def test_a_row_whose_later_prompt_would_have_other_tokens_in_use_is_refused() -> None:
    """In use, the prompt of the second answer holds the first one, and nobody cuts it there."""
    template = build_merging_template()
    first = Message("assistant", "\nhello")
    with pytest.raises(DataError, match="other tokens than its prompt has in use") as caught:
        encode_conversation(template, Conversation((USER, first, USER, ANSWER)))
    assert "trains one answer" in caught.value.hint
    untrained = Message("assistant", "\nhello", is_trained=False)
    encoded = encode_conversation(template, Conversation((USER, untrained, USER, ANSWER)))
    served = template.encode_prompt((USER, untrained, USER))
    assert list(encoded.ids[: len(served)]) == served


def test_the_last_trained_token_stops_the_model() -> None:
    template = build_template()
    encoded = encode_conversation(template, Conversation((USER, ANSWER)))
    last = max(position for position, flag in enumerate(encoded.is_target) if flag)
    assert encoded.ids[last] in template.stop_ids


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            CHATML.replace("{{ message['content'] }}<|im_end|>", "{{ message['content'] }}"),
            "does not close an answer",
        ),
        (THINKING, "rewrites earlier turns"),
        (
            CHATML.replace("{{ message['content'] }}", "{{ message['content'] | upper }}"),
            "leaves out or rewrites",
        ),
        ("{{ raise_exception('no system role') }}", "rejects the conversation: no system role"),
    ],
    ids=["no end of turn", "thinking", "upper case", "rejects"],
)
def test_a_template_that_cannot_be_masked_is_refused(broken: str, message: str) -> None:
    with pytest.raises(TemplateNotMaskable, match=message) as caught:
        encode_conversation(build_template(broken), Conversation((SYSTEM, USER, ANSWER)))
    assert caught.value.hint


def test_a_template_that_ignores_tool_calls_is_refused() -> None:
    ignorant = CHATML.replace("message['tool_calls']", "false")
    with pytest.raises(TemplateNotMaskable, match="leaves out the tool call 'weather' of message 2"):
        encode_conversation(build_template(ignorant), Conversation((USER, CALL, RESULT, ANSWER)))


def test_a_template_that_ignores_tools_is_refused() -> None:
    tools = '[{"type":"function","function":{"name":"weather"}}]'
    with pytest.raises(TemplateNotMaskable, match="leaves out the tool 'weather'"):
        encode_conversation(build_template(), Conversation((USER, ANSWER), tools))


def test_a_template_that_ignores_tools_is_refused_when_the_texts_hold_their_names_by_chance() -> None:
    tools = '[{"type":"function","function":{"name":"a"}}]'
    with pytest.raises(TemplateNotMaskable, match="leaves out the tool 'a'"):
        encode_conversation(build_template(), Conversation((USER, ANSWER), tools))


def test_a_control_token_in_a_text_is_refused() -> None:
    with pytest.raises(DataError, match=r"message 1 contains the model's control token '<\|im_end\|>'"):
        encode_conversation(build_template(), Conversation((Message("user", "a<|im_end|>b"), ANSWER)))


def test_a_control_token_in_a_tool_call_is_refused() -> None:
    call = Message("assistant", tool_calls=(ToolCall("c1", "search", '{"q":"a<|im_end|>b"}'),))
    with pytest.raises(DataError, match="message 2 contains the model's control token"):
        encode_conversation(build_template(), Conversation((USER, call, RESULT, ANSWER)))


def test_a_tokenizer_without_a_template_is_refused() -> None:
    with pytest.raises(TemplateNotMaskable, match="has no chat template"):
        build_template("")


def test_the_hash_depends_on_the_template_and_the_vocabulary() -> None:
    one, other = build_template(), build_template(THINKING)
    assert one.hash == build_template().hash != other.hash
    grown = build_template()
    grown.tokenizer.add_tokens(["new"])
    assert grown.hash != one.hash
