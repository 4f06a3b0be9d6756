"""A preference becomes two encoded rows that share their prompt, each with its final answer alone as its targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from luthier.tokens.encode import EncodedExample, encode_conversation
from luthier.tokens.tree import SHORTEST_SHARED, count_common

if TYPE_CHECKING:
    from luthier.conversation import Conversation
    from luthier.data.dataset import Example
    from luthier.tokens.chat_template import ChatTemplate


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """Two rows that begin with the same prompt and end with one answer each."""

    chosen: EncodedExample
    rejected: EncodedExample

    @property
    def rows(self) -> tuple[EncodedExample, ...]:
        """What goes through the model for it; the chosen row first."""
        return (self.chosen, self.rejected)

    @property
    def weight(self) -> int:
        """What it counts for in the mean loss of a step."""
        return 1

    @property
    def token_count(self) -> int:
        """Tokens to compute: those that both rows begin with are computed once."""
        common = count_common(self.chosen.ids, self.rejected.ids)
        return self.chosen.token_count + self.rejected.token_count - (common if common >= SHORTEST_SHARED else 0)


Item = EncodedExample | EncodedPair
"""What a run learns from: an answer to imitate, or one to prefer to another."""


def encode_item(template: ChatTemplate, example: Example) -> Item:
    """Raises what `encode_conversation` raises."""
    if example.rejected is None:
        return encode_conversation(template, example.conversation)
    conversation = example.conversation
    rejected = replace(conversation, messages=(*conversation.prompt, example.rejected))
    return EncodedPair(encode_answer(template, conversation), encode_answer(template, rejected))


def encode_answer(template: ChatTemplate, conversation: Conversation) -> EncodedExample:
    """With the final answer alone as targets. Raises what `encode_conversation` raises.

    Earlier answers are what the rows of a pair share: they say nothing about which of the two is better.
    """
    context = tuple(replace(message, is_trained=False) for message in conversation.prompt)
    return encode_conversation(template, replace(conversation, messages=(*context, conversation.answer)))


def explain_untrained(item: Item) -> str:
    """Why nothing can be learnt from it; empty when something can."""
    rows = item.rows
    if any(not row.target_count for row in rows):
        return f"none of its {max(row.token_count for row in rows)} tokens is trained"
    if len({row.ids for row in rows}) < len(rows):
        return "both of its answers are the same tokens, so neither can be preferred"
    return ""
