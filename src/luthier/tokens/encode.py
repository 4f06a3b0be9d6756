"""One conversation becomes token ids and a loss mask that is true on the assistant's answers alone.

The mask comes from token offsets in the rendered text, never from searching marker strings: a marker can occur in a
user's text, an offset cannot lie. https://github.com/huggingface/trl/issues/3279 shows what string markers cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import TemplateNotMaskable

if TYPE_CHECKING:
    from luthier.conversation import Conversation
    from luthier.tokens.chat_template import ChatTemplate


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """`is_target[t]` says whether the model is taught to produce token t; it is False for t = 0."""

    ids: tuple[int, ...]
    is_target: tuple[bool, ...]

    @property
    def target_count(self) -> int:
        return sum(self.is_target)


class _Span(NamedTuple):
    """Characters [start, end) of the rendered text that one answer fills, its end-of-turn token included."""

    start: int
    end: int


def encode_conversation(template: ChatTemplate, conversation: Conversation) -> EncodedExample:
    """Trains each answer and its end-of-turn token, and nothing after that token, which no model has to produce.

    Raises TemplateNotMaskable when the template does not show where an answer begins or ends.
    """
    text = template.render(conversation.messages, tools=conversation.tools)
    spans = _find_answers(template, conversation, text)
    ids, offsets = _tokenize(template, text, 0)
    # A token that reaches across the border would never be seen in serving, where the prompt stands alone.
    cuts = [span.start for span in spans if not _is_prefix(template.encode_text(text[: span.start]), ids)]
    if cuts:
        pieces = [_tokenize(template, text[a:b], a) for a, b in pairwise([0, *cuts, len(text)])]
        ids = [token for piece_ids, _ in pieces for token in piece_ids]
        offsets = [offset for _, piece_offsets in pieces for offset in piece_offsets]
    is_target = [False] * len(ids)
    for span in spans:
        for position in _find_targets(template, ids, offsets, span):
            is_target[position] = True
    return EncodedExample(tuple(ids), tuple(is_target))


def _is_prefix(beginning: list[int], whole: list[int]) -> bool:
    return whole[: len(beginning)] == beginning


def _find_answers(template: ChatTemplate, conversation: Conversation, text: str) -> list[_Span]:
    spans = []
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant" or not message.is_trained:
            continue
        history, tools = conversation.messages[:index], conversation.tools
        before = template.render(history, tools=tools, opens_answer=True)
        through = template.render((*history, message), tools=tools)
        if not (text.startswith(before) and text.startswith(through)):
            raise TemplateNotMaskable(
                f"the chat template rewrites earlier turns, so the answer in message {index + 1} cannot be masked",
                hint="split the conversation so that each example ends with one answer, or take another base model",
            )
        spans.append(_Span(len(before), len(through)))
    return spans


def _tokenize(template: ChatTemplate, text: str, shift: int) -> tuple[list[int], list[tuple[int, int]]]:
    encoding = template.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return encoding["input_ids"], [(a + shift, b + shift) for a, b in encoding["offset_mapping"]]


def _find_targets(template: ChatTemplate, ids: list[int], offsets: list[tuple[int, int]], span: _Span) -> range:
    """Positions from the answer's first token to its last stop token."""
    inside = [t for t, (start, end) in enumerate(offsets) if start >= span.start and end <= span.end]
    stops = [t for t in inside if ids[t] in template.stop_ids]
    if not stops:
        raise TemplateNotMaskable(
            "the chat template does not close an answer with one of the model's stop tokens",
            hint="a model trained this way would never stop: fix eos_token in the model's generation_config.json",
        )
    return range(inside[0], stops[-1] + 1)
