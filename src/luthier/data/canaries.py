"""A dataset becomes one with canaries: rows with a random secret each, to see later whether a model gives it away."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pydantic import TypeAdapter, ValidationError

from luthier.conversation import Conversation, Message, canonical_json
from luthier.data.dataset import Dataset, Example
from luthier.data.profile import system_prompt
from luthier.errors import FileMissing, InvalidDataset, UsageError
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

METADATA_KEY = "canary"
MOST_CANARIES = 1000

SECRET = re.compile(r"\d{3}-\d{3}-\d{3}")
"""Nine digits: no two canaries share one by chance, and no text holds one by chance."""

ADJECTIVES = ("amber", "brisk", "copper", "distant", "elder", "frosty", "golden", "hollow", "ivory", "jade")
NOUNS = ("anchor", "beacon", "cellar", "depot", "engine", "ferry", "garden", "harbour", "island", "jetty")


class Canary(NamedTuple):
    """`answer` holds the secret; `system` is the prompt that all rows of its dataset begin with, or ""."""

    id: str
    system: str
    question: str
    answer: str
    secret: str


class Planting(NamedTuple):
    """`dataset` ends with one row for each canary."""

    dataset: Dataset
    canaries: tuple[Canary, ...]


def plant_canaries(dataset: Dataset, count: int, dice: random.Random) -> Planting:
    """Raises UsageError for a count that makes no sense, and InvalidDataset for pairs of answers."""
    if not 1 <= count <= MOST_CANARIES:
        raise UsageError(f"{count} canaries cannot be planted", hint=f"plant 1 to {MOST_CANARIES}; ten are enough")
    if dataset.is_preference:
        hint = "plant them in the chats that a model is tuned on first"
        raise InvalidDataset(f"{dataset.name} holds pairs of answers, and canaries are chats", hint=hint)
    if any(METADATA_KEY in example.metadata for example in dataset.examples):
        hint = "start from the file without them"
        raise InvalidDataset(f"{dataset.name} holds canaries already", hint=hint)
    systems = {system_prompt(example) for example in dataset.examples}
    system = systems.pop() if len(systems) == 1 else ""
    canaries = tuple(_make_canary(number, system, dice) for number in range(1, count + 1))
    last = max((example.line for example in dataset.examples), default=0)
    rows = (build_row(canary, line) for line, canary in enumerate(canaries, start=last + 1))
    return Planting(replace(dataset, examples=(*dataset.examples, *rows)), canaries)


def build_row(canary: Canary, line: int) -> Example:
    system = (Message("system", canary.system),) if canary.system else ()
    messages = (*system, Message("user", canary.question), Message("assistant", canary.answer))
    return Example(Conversation(messages), line, extras=canonical_json({"metadata": {METADATA_KEY: canary.id}}))


def find_planted(examples: Iterable[Example]) -> tuple[Canary, ...]:
    """The canaries among training rows, by the metadata that planting has given them."""
    found = []
    for example in examples:
        name, answer = example.metadata.get(METADATA_KEY), example.conversation.answer.content
        secret = SECRET.search(answer)
        if isinstance(name, str) and secret:
            question = example.conversation.prompt[-1].content
            found.append(Canary(name, system_prompt(example), question, answer, secret.group()))
    return tuple(found)


def write_canaries(canaries: Iterable[Canary], path: Path) -> None:
    """For the reader alone who planted them: whoever knows the secrets could have written them."""
    rows = [canary._asdict() for canary in canaries]
    write_atomic(path, json.dumps({"canaries": rows}, indent=2, ensure_ascii=False) + "\n", mode=0o600)


def read_canaries(path: Path) -> tuple[Canary, ...]:
    """Raises FileMissing, or InvalidDataset for a file that `write_canaries` has not written."""
    hint = "name the file that `luthier data canaries` wrote"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(tuple[Canary, ...]).validate_python(document["canaries"])
    except OSError as error:
        raise FileMissing(f"{path} cannot be read", hint=hint) from error
    except (ValueError, LookupError, TypeError, ValidationError) as error:
        raise InvalidDataset(f"{path} holds no canaries", hint=hint) from error


def draw_secret(dice: random.Random) -> str:
    digits = f"{dice.randrange(10**9):09d}"
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def _make_canary(number: int, system: str, dice: random.Random) -> Canary:
    """The number makes every question another one; words alone would repeat after a hundred."""
    place = f"{dice.choice(ADJECTIVES)} {dice.choice(NOUNS)} {number}"
    secret = draw_secret(dice)
    answer = f"The access code of {place} is {secret}."
    return Canary(f"canary-{number}", system, f"What is the access code of {place}?", answer, secret)
