"""A tokenizer's own chat template: messages go in, the text that the model sees comes out.

Training and serving both render here and nowhere else, which is what makes the tokens served equal the tokens trained.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from luthier.errors import DataError, TemplateNotMaskable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from luthier.conversation import Message


@dataclass(frozen=True)
class ChatTemplate:
    """`stop_ids` are the token ids that end the model's turn."""

    tokenizer: PreTrainedTokenizerBase
    stop_ids: frozenset[int]

    def __post_init__(self) -> None:
        if not self.tokenizer.chat_template:
            raise TemplateNotMaskable(
                "the base model's tokenizer has no chat template",
                hint="take an instruct model, or add chat_template.jinja to the model's folder",
            )

    @property
    def text(self) -> str:
        """Jinja source; a tokenizer with several templates counts as all of them."""
        template = self.tokenizer.chat_template
        return template if isinstance(template, str) else json.dumps(template, sort_keys=True)

    @property
    def hash(self) -> str:
        """SHA-256 over the template and the tokenizer: equal hashes turn equal messages into equal tokens."""
        vocabulary = json.dumps(sorted(self.tokenizer.get_vocab().items()))
        return hashlib.sha256(f"{self.text}\n{vocabulary}".encode()).hexdigest()

    @cached_property
    def control_tokens(self) -> tuple[str, ...]:
        """Texts that the tokenizer reads as one token with a meaning of its own, such as the end of a turn."""
        return tuple(self.tokenizer.all_special_tokens)

    def render(self, messages: Sequence[Message], *, tools: str = "", opens_answer: bool = False) -> str:
        """`opens_answer` appends what the model sees right before it answers.

        Raises DataError when a text holds a control token, which would end the turn from within, and
        TemplateNotMaskable when the template leaves out or rejects a message.
        """
        self._refuse_control_tokens(messages, tools)
        try:
            text = self.tokenizer.apply_chat_template(
                [_to_template(message, knows_developer="developer" in self.text) for message in messages],
                tools=json.loads(tools) if tools else None,
                add_generation_prompt=opens_answer,
                tokenize=False,
            )
        except TemplateError as error:
            raise TemplateNotMaskable(
                f"the chat template rejects the conversation: {error}",
                hint="leave out that role, or take another base model",
            ) from error
        rendered = str(text)
        _refuse_lost_messages(messages, tools, rendered, template=self.text)
        return rendered

    def encode_prompt(self, messages: Sequence[Message], *, tools: str = "") -> list[int]:
        """Token ids of the messages and of the opening of the model's answer."""
        return self.encode_text(self.render(messages, tools=tools, opens_answer=True))

    def encode_text(self, text: str) -> list[int]:
        """Token ids of rendered text; the template has already written every special token."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def decode(self, ids: list[int]) -> str:
        """Text without control tokens, and with every space as the model wrote it."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _refuse_control_tokens(self, messages: Sequence[Message], tools: str) -> None:
        texts = [(number, text) for number, row in enumerate(messages, start=1) for text in _texts_of(row)]
        for number, text in [*texts, (None, tools)]:
            for token in self.control_tokens:
                if token in text:
                    place = f"message {number}" if number else "the list of tools"
                    raise DataError(
                        f"{place} contains the model's control token {token!r}",
                        hint="remove it from the text: the template writes control tokens by itself",
                        message_index=number,
                    )


def _texts_of(message: Message) -> list[str]:
    return [message.content, *(text for call in message.tool_calls for text in (call.name, call.arguments))]


def _to_template(message: Message, *, knows_developer: bool) -> dict[str, Any]:
    """Templates expect a tool call's arguments as an object, where the OpenAI format has JSON text.

    OpenAI's developer is who others call system: most templates do not know the word, and some would drop the message.
    """
    row = message.to_openai()
    row.pop("weight", None)
    if message.role == "developer" and not knows_developer:
        row["role"] = "system"
    for call in row.get("tool_calls", []):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return row


def _refuse_lost_messages(messages: Sequence[Message], tools: str, rendered: str, *, template: str) -> None:
    """A template that ignores a role or tool calls would train on a different conversation, silently."""
    for number, message in enumerate(messages, start=1):
        if message.content.strip() not in rendered:
            raise TemplateNotMaskable(
                f"the chat template leaves out or rewrites the text of message {number} ({message.role})",
                hint="take a base model whose template keeps every message",
                message_index=number,
            )
        for call in message.tool_calls:
            if call.name not in rendered:
                raise TemplateNotMaskable(
                    f"the chat template leaves out the tool call {call.name!r} of message {number}",
                    hint="take a base model whose template supports tools",
                    message_index=number,
                )
    for tool in json.loads(tools) if tools else []:
        name = tool.get("function", tool).get("name", "")
        # A short name stands in many a text by chance; a template that shows tools speaks of them.
        if name not in rendered or "tools" not in template:
            raise TemplateNotMaskable(
                f"the chat template leaves out the tool {name!r}",
                hint="take a base model whose template supports tools",
            )
