"""Thirty orders to turn into JSON, with a rambling base model and a tuned one: what an evaluation looks like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Answer = Callable[[tuple[Message, ...]], str]

CUSTOMERS = ("Zoe", "Marcel", "Ines", "Tomás", "Aiko", "Priya", "Owen", "Lena", "Farid", "Greta")
GOODS = ("lamp", "desk", "violin string", "chair", "bow", "music stand")
MONTHS = ("May", "June", "July")

RAMBLES = (
    "Sure! Here is the information that I could find in the order: the customer is {name}, who ordered "
    "something. Please let me know if there is anything else that I can help you with!",
    "The order is for {goods}. The total is the total of the order, and the date is the date of the order. "
    "The total is the total of the order, and the date is the date of the order.",
    '```json\n{{"name": "{name}", "order": "{goods}"}}\n```\nI hope this helps!',
    "Extract: {name} ordered 2 lamps.\nExtract: {name} ordered 3 lamps.\nExtract: {name} ordered 4 lamps.",
)


def order_fields(index: int) -> tuple[str, str, int, float, str, str]:
    month = index % len(MONTHS)
    day = 1 + (index * 7) % 28
    quantity = 1 + index % 4
    goods = GOODS[index % len(GOODS)]
    return (
        CUSTOMERS[(index * 3) % len(CUSTOMERS)],
        goods,
        quantity,
        round(15.5 * quantity + index, 2),
        f"{MONTHS[month]} {day}",
        f"{5 + month:02d}-{day:02d}",
    )


def order_prompt(index: int) -> str:
    name, goods, quantity, total, day, _ = order_fields(index)
    things = goods if quantity == 1 else f"{goods}s"
    return f"Extract: {name} ordered {quantity} {things} for ${total:.2f} on {day}."


def order_json(index: int, **changes: object) -> str:
    name, goods, quantity, total, _, date = order_fields(index)
    order: dict[str, object] = {
        "customer": name,
        "items": [{"name": goods, "quantity": quantity}],
        "total": total,
        "currency": "USD",
        "date": date,
    }
    return json.dumps(order | changes, ensure_ascii=False)


def order_conversation(index: int, answer: str | None = None) -> Conversation:
    return Conversation(
        (
            Message("system", "Turn the order into JSON. Answer with JSON only."),
            Message("user", order_prompt(index)),
            Message("assistant", order_json(index) if answer is None else answer),
        )
    )


def order_dataset(indices: Iterable[int] = range(30), name: str = "orders") -> Dataset:
    examples = tuple(Example(order_conversation(index), line) for line, index in enumerate(indices, start=1))
    return Dataset(name, Path(f"{name}.jsonl"), examples)


def index_of(messages: tuple[Message, ...], count: int = 60) -> int:
    return next(index for index in range(count) if order_prompt(index) == messages[-1].content)


def answer_all_but(wrong: dict[int, str]) -> Answer:
    """The right JSON for every order, except for the given texts at the given orders."""
    return lambda messages: wrong.get(index_of(messages), order_json(index_of(messages)))


def ramble(messages: tuple[Message, ...]) -> str:
    index = index_of(messages)
    name, goods, *_ = order_fields(index)
    return RAMBLES[index % len(RAMBLES)].format(name=name, goods=goods)
