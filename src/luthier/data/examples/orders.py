"""A seed becomes 300 orders in words with their JSON, the data of the first tutorial.

    python -m luthier.data.examples.orders > orders.jsonl

writes the file beside this module again, byte for byte. The task is small enough for a tiny model on a CPU,
and hard enough that the untuned model fails: a third of the orders come in one plain sentence, the others in
fourteen phrasings with number words, irregular plurals, three currencies and four ways to write a date. Some
name no total; the JSON then says null. Orders carry no year, so a date is month and day. The instruction is
short because the time to train on a CPU goes with the number of tokens.
"""

from __future__ import annotations

import json
import random
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from luthier.data.examples.words import (
    GOODS,
    IRREGULAR_PLURALS,
    MONTHS,
    NAMES,
    NUMBER_WORDS,
    PLAIN_SENTENCE,
    SENTENCES,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Choice = TypeVar("Choice")

SYSTEM_PROMPT = "Extract the order as JSON."
ROW_COUNT = 300
SEED = 31

RESERVED_PROMPT = "Extract: Zoe ordered 2 lamps for $31.00 on May 4."
"""The guides ask the tuned model this, so it must not have been trained on it."""

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}


class Dice:
    """Draws from `random.random` alone: the only sequence that Python promises never to change."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def pick(self, choices: Sequence[Choice]) -> Choice:
        return choices[int(self._random.random() * len(choices))]

    def number(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + int(self._random.random() * (high - low + 1))


class Item(NamedTuple):
    name: str
    quantity: int


class Order(NamedTuple):
    """`cents` is None when the order does not say."""

    customer: str
    items: tuple[Item, ...]
    cents: int | None
    currency: str
    month: int
    day: int


def generate_rows(count: int = ROW_COUNT, seed: int = SEED) -> list[dict[str, Any]]:
    """Rows in OpenAI's chat format; no two have the same prompt."""
    dice = Dice(seed)
    answers: dict[str, str] = {}
    while len(answers) < count:
        order = _draw_order(dice)
        prompt = _phrase_order(dice, order)
        if prompt != RESERVED_PROMPT:
            answers.setdefault(prompt, _answer(order))
    return [_to_row(prompt, answer) for prompt, answer in answers.items()]


def main() -> None:
    for row in generate_rows():
        # Bytes, because a terminal's own encoding may lack the letters of some names.
        sys.stdout.buffer.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _draw_order(dice: Dice) -> Order:
    month = dice.number(1, 12)
    return Order(
        customer=dice.pick(NAMES),
        items=_draw_items(dice),
        cents=None if dice.happens(0.08) else dice.number(6, 400) * 50 + dice.pick((0, 0, 25, 49, 90)),
        currency=dice.pick(("USD", "USD", "USD", "EUR", "GBP")),
        month=month,
        day=dice.number(1, MONTHS[month - 1][1]),
    )


def _draw_items(dice: Dice) -> tuple[Item, ...]:
    names: list[str] = []
    count = dice.pick((1, 1, 1, 1, 1, 1, 2, 2, 2, 3))
    while len(names) < count:
        name = dice.pick(GOODS)
        names += [name] if name not in names else []
    return tuple(Item(name, dice.pick((1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12))) for name in names)


def _phrase_order(dice: Dice, order: Order) -> str:
    is_plain = dice.happens(0.36)
    gaps = {
        "name": order.customer,
        "items": _join([_phrase_item(dice, item, is_plain) for item in order.items]),
        "price": _phrase_price(dice, order, is_plain),
        "date": _phrase_date(dice, order, is_plain),
    }
    sentence = PLAIN_SENTENCE if is_plain else dice.pick(SENTENCES)
    text = _fill(sentence, gaps)
    return text[0].upper() + text[1:]


def _fill(sentence: str, gaps: dict[str, str]) -> str:
    def keep_if_filled(match: re.Match[str]) -> str:
        names = re.findall(r"{(\w+)}", match[1])
        return match[1] if all(gaps[name] for name in names) else ""

    return re.sub(r"\[(.*?)\]", keep_if_filled, sentence).format(**gaps)


def _phrase_item(dice: Dice, item: Item, is_plain: bool) -> str:
    is_worded = dice.happens(0.1 if is_plain else 0.4) and item.quantity < len(NUMBER_WORDS)
    if item.quantity > 1:
        return f"{NUMBER_WORDS[item.quantity] if is_worded else item.quantity} {_plural(item.name)}"
    article = "an" if item.name[0] in "aeiou" else "a"
    return f"{dice.pick(('one', article, article)) if is_worded or not is_plain else '1'} {item.name}"


def _phrase_price(dice: Dice, order: Order, is_plain: bool) -> str:
    if order.cents is None:
        return ""
    amount = f"{order.cents / 100:.2f}"
    if not is_plain and order.cents % 100 == 0 and dice.happens(0.3):
        amount = str(order.cents // 100)
    has_code = not is_plain and dice.happens(0.1 if order.currency == "USD" else 0.5)
    return f"{amount} {order.currency}" if has_code else f"{SYMBOLS[order.currency]}{amount}"


def _phrase_date(dice: Dice, order: Order, is_plain: bool) -> str:
    month, day = MONTHS[order.month - 1][0], order.day
    plain = f"{month} {day}"
    others = (plain, f"{day} {month}", f"{month} {_ordinal(day)}", f"the {_ordinal(day)} of {month}")
    return plain if is_plain else dice.pick(others)


def _answer(order: Order) -> str:
    """Written by hand rather than dumped, because a total always has two decimals."""
    items = ",".join(f'{{"name":"{item.name}","quantity":{item.quantity}}}' for item in order.items)
    total = "null" if order.cents is None else f"{order.cents / 100:.2f}"
    currency = "null" if order.cents is None else f'"{order.currency}"'
    head = f'{{"customer":"{order.customer}","items":[{items}]'
    return f'{head},"total":{total},"currency":{currency},"date":"{order.month:02}-{order.day:02}"}}'


def _to_row(prompt: str, answer: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": answer},
        ]
    }


def _join(phrases: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(phrases[:-1]), phrases[-1]]))


def _plural(name: str) -> str:
    if name in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[name]
    if name.endswith("y"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "sh", "ch")) else f"{name}s"


def _ordinal(day: int) -> str:
    suffix = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"


if __name__ == "__main__":
    main()
