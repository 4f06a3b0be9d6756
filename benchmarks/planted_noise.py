"""Sound rows become noisy ones in six known ways, so that what finds noise can be counted right or wrong."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = dict[str, Any]

KINDS = ("swapped answer", "wrong intent", "dropped slot", "invented value", "prose", "cut JSON")
PROSE = (
    "The user wants {intent}.",
    "Sure! This is a request of the kind {intent}.",
    "I think they are asking for {intent}, with {values}.",
    "It is about {values}.",
)


class NoisyRows(NamedTuple):
    """`kinds` names what was done to each row; None for one that is as it was."""

    rows: list[Row]
    kinds: list[str | None]


def plant_noise(rows: Sequence[Row], *, fraction: float, seed: int) -> NoisyRows:
    """Spoils the answers of so many rows, as many in each way; prompts stay. Answers are JSON with intent and slots."""
    chance = random.Random(seed)
    spoilable = [place for place, row in enumerate(rows) if read_answer(row)["slots"]]
    chosen = chance.sample(spoilable, round(fraction * len(rows)))
    kinds: list[str | None] = [None] * len(rows)
    answers = [read_answer(row) for row in rows]
    texts = [row["messages"][-1]["content"] for row in rows]
    for number, kind in enumerate(KINDS):
        places = chosen[number :: len(KINDS)]
        for turn, place in enumerate(places):
            kinds[place] = kind
            if kind == "swapped answer":
                texts[place] = rows[places[(turn + 1) % len(places)]]["messages"][-1]["content"]
            else:
                texts[place] = spoil(answers, place, kind, chance)
    return NoisyRows([replace_answer(row, text) for row, text in zip(rows, texts, strict=True)], kinds)


def spoil(answers: Sequence[Row], place: int, kind: str, chance: random.Random) -> str:
    """Another answer than the right one, of any kind but a swapped one."""
    answer = answers[place]
    slots = dict(answer["slots"])
    slot = chance.choice(sorted(slots))
    if kind == "wrong intent":
        others = sorted({other["intent"] for other in answers} - {answer["intent"]})
        return write_answer({**answer, "intent": chance.choice(others)})
    if kind == "dropped slot":
        return write_answer({**answer, "slots": {key: value for key, value in slots.items() if key != slot}})
    if kind == "invented value":
        values = sorted({str(other["slots"][slot]) for other in answers if slot in other["slots"]} - {str(slots[slot])})
        return write_answer({**answer, "slots": {**slots, slot: chance.choice(values or ["unknown"])}})
    if kind == "prose":
        return chance.choice(PROSE).format(intent=answer["intent"], values=", ".join(map(str, slots.values())))
    text = write_answer(answer)
    return text[: chance.randint(len(text) * 2 // 5, len(text) - 1)]


def read_answer(row: Row) -> Row:
    answer: Row = json.loads(row["messages"][-1]["content"])
    return answer


def write_answer(answer: Row) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def replace_answer(row: Row, text: str) -> Row:
    return {**row, "messages": [*row["messages"][:-1], {**row["messages"][-1], "content": text}]}
