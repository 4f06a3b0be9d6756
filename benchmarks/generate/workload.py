"""A seed and a chat template become the prompts of the contest, each with how many tokens its answer shall have.

The prompts are what an evaluation sends: one system prompt before all, and a customer's orders, of which the example
that comes with Luthier has 300.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from luthier.conversation import Message
from luthier.data.examples import example_path
from luthier.data.reading import load_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.tokens.chat_template import ChatTemplate

ROWS = 200
USER_TOKENS = (30, 120)
ANSWER_TOKENS = (8, 160)
"""Shortest and longest; every length between them is as likely."""

STREAM_TOKENS = 200
"""Of each prompt that is answered alone."""

SYSTEM = """\
You take orders for a shop that sells tools, kitchenware and instruments. Turn each message of a customer into JSON \
and write nothing else. The object has these keys. "customer" is the name of the person who ordered, as the message \
writes it. "items" is a list with one object for each thing that was ordered, in the order of the message; "name" is \
the thing in the singular and in small letters, "quantity" is a whole number, also where the message writes the \
number as a word. "total" is the amount to pay as a number with two decimals, or null where the message names none. \
"currency" is USD, EUR or GBP, after the sign or the word in the message, or null without a total. "date" is month \
and day as MM-DD with leading zeros, whatever way the message writes them. When a message holds several orders, \
answer with a list of such objects. Never add a key, never explain, and never guess what the message does not say."""


class Prompt(NamedTuple):
    """`ids` are the tokens of `messages` and of the opening of the answer, which shall have `answer_tokens` of them."""

    messages: tuple[Message, ...]
    ids: tuple[int, ...]
    answer_tokens: int


def build_prompts(template: ChatTemplate, *, rows: int = ROWS, seed: int = 0) -> list[Prompt]:
    """The held-out job: the same system prompt for all, users' parts and answers of mixed lengths."""
    dice = random.Random(seed)
    orders = list_orders()
    prompts = []
    for _ in range(rows):
        text = join_orders(template, dice.sample(orders, len(orders)), tokens=dice.randint(*USER_TOKENS))
        prompts.append(_encode(template, SYSTEM, text, answer_tokens=dice.randint(*ANSWER_TOKENS)))
    return prompts


def build_streams(template: ChatTemplate, *, count: int, answer_tokens: int, seed: int = 0) -> list[Prompt]:
    """Prompts of about STREAM_TOKENS tokens that begin differently, so that none can be known from another."""
    dice = random.Random(f"stream {seed}")
    orders = list_orders()
    prompts = []
    for number in range(count):
        system = f"Order book {dice.randrange(10**6)}, page {number}."
        marks = len(template.encode_prompt((Message("system", system), Message("user", "."))))
        text = join_orders(template, dice.sample(orders, len(orders)), tokens=STREAM_TOKENS - marks)
        prompts.append(_encode(template, system, text, answer_tokens=answer_tokens))
    return prompts


def list_orders() -> list[str]:
    return [row.conversation.messages[1].content for row in load_dataset(example_path()).examples]


def join_orders(template: ChatTemplate, orders: Sequence[str], *, tokens: int) -> str:
    """As many words of the orders as make at most `tokens` tokens."""
    words: list[str] = []
    for order in orders:
        words += order.split()
        if len(template.encode_text(" ".join(words))) > tokens:
            break
    while len(template.encode_text(" ".join(words))) > tokens:
        words.pop()
    return " ".join(words)


def _encode(template: ChatTemplate, system: str, user: str, *, answer_tokens: int) -> Prompt:
    messages = (Message("system", system), Message("user", user))
    return Prompt(messages, tuple(template.encode_prompt(messages)), answer_tokens)
