"""A seed and a chat template become the data sets of the contest, as the tokens that every engine is given.

The text is made of a small grammar, so that it is ours, of any length, and no two rows begin alike by chance.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from luthier.conversation import Conversation, Message
from luthier.data.examples import example_path
from luthier.data.reading import load_dataset
from luthier.tokens.encode import encode_conversation
from luthier.tokens.pairs import EncodedPair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.tokens.chat_template import ChatTemplate
    from luthier.tokens.encode import EncodedExample
    from luthier.tokens.pairs import Item

SHARED_TOKENS, LONG_TOKENS, ANSWER_TOKENS = 400, 512, 128
"""Of the shared system prompt; of a long row; of an answer of the preference set, and of the prompt before it."""

HELD_OUT = 32
"""Rows of the orders that no engine is trained on."""

ROWS = 64
"""Of the sets that are made here; longer contests go through them again."""

SUBJECTS = (
    "the violin maker", "my neighbour", "a young cellist", "the orchestra", "our workshop", "her teacher", "the shop",
    "an old customer", "the quartet", "his brother", "the museum", "a collector", "the conductor", "their pupil",
)  # fmt: skip
VERBS = (
    "repaired", "borrowed", "sold", "described", "returned", "photographed", "played", "varnished", "praised",
    "measured", "ordered", "lost", "found", "compared", "insured", "packed", "tuned", "restored",
)  # fmt: skip
OBJECTS = (
    "a viola with a cracked rib", "two bows", "the bridge of a cello", "a set of gut strings", "an ebony fingerboard",
    "the red case", "a letter from Cremona", "seven pegs of boxwood", "the drawing of a scroll", "a jar of amber rosin",
    "the bill for the sound post", "a double bass", "three mutes", "an unsigned violin",
)  # fmt: skip
PLACES = (
    "before the concert in May", "near the river", "at half past nine", "without a word", "in the cold attic",
    "for eighty euros", "after the second rehearsal", "on the way to Mirecourt", "because the glue had dried",
    "while it was snowing",
    "under the lamp by the window", "for the third time", "with great care", "as the contract says",
)  # fmt: skip


@dataclass(frozen=True)
class Workload:
    """`held_out` is empty where only the speed is compared."""

    name: str
    kind: Literal["sft", "dpo"]
    items: tuple[Item, ...]
    held_out: tuple[Item, ...] = ()

    def deal(self, steps: int, batch_size: int, *, seed: int) -> list[list[Item]]:
        """A batch for each step; every epoch is a shuffle of its own, and batches are always full."""
        dice = random.Random(f"{self.name} {seed}")
        order: list[Item] = []
        while len(order) < steps * batch_size:
            order += dice.sample(self.items, len(self.items))
        return [order[step * batch_size : (step + 1) * batch_size] for step in range(steps)]


def build_workloads(template: ChatTemplate, *, seed: int = 0) -> dict[str, Workload]:
    """By name; see the functions below."""
    made = (build_orders, build_shared_prompt, build_long_rows, build_preferences)
    return {workload.name: workload for workload in (build(template, random.Random(seed)) for build in made)}


def build_orders(template: ChatTemplate, dice: random.Random) -> Workload:
    """The example that comes with Luthier: a short instruction, an order in words, and its JSON."""
    rows = [encode_conversation(template, row.conversation) for row in load_dataset(example_path()).examples]
    dice.shuffle(rows)
    return Workload("orders", "sft", tuple(rows[HELD_OUT:]), tuple(rows[:HELD_OUT]))


def build_shared_prompt(template: ChatTemplate, dice: random.Random) -> Workload:
    """The orders again, behind one system prompt of SHARED_TOKENS tokens."""
    system = Message("system", write_text(template, dice, SHARED_TOKENS))
    examples = load_dataset(example_path()).examples[:ROWS]
    chats = (Conversation((system, *row.conversation.messages[1:])) for row in examples)
    return Workload("shared_prompt", "sft", tuple(encode_conversation(template, chat) for chat in chats))


def build_long_rows(template: ChatTemplate, dice: random.Random) -> Workload:
    """Rows of about LONG_TOKENS tokens, half of them the answer's, with nothing in common but the template's marks."""
    rows = []
    for _ in range(ROWS):
        prompt = write_prompt(template, dice, LONG_TOKENS // 2)
        rows.append(encode_answer(template, prompt, write_text(template, dice, LONG_TOKENS // 2)))
    return Workload("long_rows", "sft", tuple(rows))


def build_preferences(template: ChatTemplate, dice: random.Random) -> Workload:
    """Pairs whose prompt is as long as each of their answers: about ANSWER_TOKENS tokens."""
    pairs = []
    for _ in range(ROWS):
        prompt = write_prompt(template, dice, ANSWER_TOKENS)
        answers = (write_text(template, dice, ANSWER_TOKENS) for _ in range(2))
        pairs.append(EncodedPair(*(encode_answer(template, prompt, answer) for answer in answers)))
    return Workload("dpo", "dpo", tuple(pairs))


def write_text(template: ChatTemplate, dice: random.Random, tokens: int) -> str:
    """As many words as make at most `tokens` tokens."""
    words: list[str] = []
    while len(words) < tokens:
        words += write_sentence(dice).split()
    count = bisect_right(
        range(len(words)), tokens, key=lambda n: len(template.tokenizer(" ".join(words[:n])).input_ids)
    )
    return " ".join(words[: count - 1])


def write_sentence(dice: random.Random) -> str:
    sentence = " ".join(dice.choice(part) for part in (SUBJECTS, VERBS, OBJECTS, PLACES))
    return f"{sentence[0].upper()}{sentence[1:]}."


def write_prompt(template: ChatTemplate, dice: random.Random, tokens: int) -> tuple[Message, Message]:
    """A system message of one sentence, which rows of the same template would else share, and one of a user: together
    about `tokens` tokens with the marks of the template."""
    system = Message("system", write_sentence(dice))
    marks = encode_answer(template, (system, Message("user", ".")), ".")
    room = tokens - (marks.token_count - marks.target_count)
    return system, Message("user", write_text(template, dice, room))


def encode_answer(template: ChatTemplate, prompt: tuple[Message, ...], answer: str) -> EncodedExample:
    return encode_conversation(template, Conversation((*prompt, Message("assistant", answer))))


def export_item(item: Item) -> dict[str, Any]:
    """As a job has it."""
    if isinstance(item, EncodedPair):
        return {"chosen": export_item(item.chosen), "rejected": export_item(item.rejected)}
    return {"ids": list(item.ids), "is_target": list(map(int, item.is_target))}


def count_tokens(items: Sequence[Item]) -> int:
    """Real input tokens of all rows as if nothing were shared, and without padding."""
    return sum(row.token_count for item in items for row in item.rows)
