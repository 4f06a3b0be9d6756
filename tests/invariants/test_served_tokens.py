"""What the engine shows a model in use is, token for token, what the model has seen in training."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Conversation, Message, ToolCall
from luthier.engine.asking import generate
from luthier.engine.protocol import Request, Sampling
from luthier.engine.torch_engine import TorchEngine
from luthier.models.loading import load_template
from luthier.tokens.encode import encode_conversation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.models.catalog import Base
    from luthier.tokens.encode import EncodedExample

SYSTEM, USER, ANSWER = Message("system", "be brief"), Message("user", "hi"), Message("assistant", "hello")
CALL = Message("assistant", tool_calls=(ToolCall("c1", "weather", '{"city":"Rome"}'),))
CHATS = {
    "plain": (USER, ANSWER),
    "system": (SYSTEM, USER, ANSWER),
    "two turns": (USER, ANSWER, Message("user", "and?"), Message("assistant", "bye")),
    "tools": (USER, CALL, Message("tool", "sunny", tool_call_id="c1"), ANSWER),
    "white space": (Message("user", "\n a  b\t"), Message("assistant", "\n\nyes ")),
    "unicode": (Message("user", "naïve 🎻 東京"), Message("assistant", "é→🎻")),
    "empty": (Message("user", ""), Message("assistant", "?")),
}


@pytest.fixture(scope="module")
def engine(tiny_base: Base) -> TorchEngine:
    return TorchEngine(lambda name: tiny_base)


def list_trained_prompts(chat: Sequence[Message], row: EncodedExample) -> Iterator[tuple[Sequence[Message], list[int]]]:
    """The messages before each answer, and the tokens that stand before it in the row."""
    targets = [place for place, is_target in enumerate(row.is_target) if is_target and not row.is_target[place - 1]]
    answers = [number for number, message in enumerate(chat) if message.role == "assistant"]
    for first, number in zip(targets, answers, strict=True):
        yield chat[:number], list(row.ids[:first])


def serve(engine: TorchEngine, messages: Sequence[Message]) -> str:
    """The hash of the tokens that the model was shown."""
    (response,) = generate(engine, [Request("tiny", tuple(messages), Sampling(max_tokens=1))])
    return response.prompt_hash


def hash_tokens(ids: list[int]) -> str:
    return sha256(repr(ids).encode()).hexdigest()


@pytest.mark.parametrize("chat", CHATS.values(), ids=CHATS)
def test_tokens_served_are_tokens_trained(engine: TorchEngine, tiny_base: Base, chat: tuple[Message, ...]) -> None:
    row = encode_conversation(load_template(tiny_base), Conversation(chat))
    for messages, trained in list_trained_prompts(chat, row):
        assert serve(engine, messages) == hash_tokens(trained)


def test_a_prompt_with_one_token_more_would_be_noticed(engine: TorchEngine, tiny_base: Base) -> None:
    template = load_template(tiny_base)
    template.tokenizer.chat_template = f"<|im_start|>{template.text}"
    chat = CHATS["system"]
    ((messages, trained),) = list_trained_prompts(chat, encode_conversation(template, Conversation(chat)))
    assert len(trained) == len(load_template(tiny_base).encode_prompt(messages)) + 1
    assert serve(engine, messages) != hash_tokens(trained)
