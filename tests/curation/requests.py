"""Requests to an assistant with answers in JSON, sound or spoilt in a known way, and an embedder that counts words."""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING

import numpy as np

from luthier.conversation import Conversation, Message
from luthier.curation.candidates import read_candidates
from luthier.data.dataset import Example

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from luthier.curation.candidates import Candidates

DIMENSIONS = 256
CITIES = ("Oslo", "Lima", "Cairo", "Quito", "Delhi", "Turin", "Accra", "Seoul", "Kyoto", "Perth")
SONGS = ("Hurt", "Jolene", "Creep", "Kashmir", "Roxanne", "Africa", "Angie", "Layla", "Wonderwall", "Zombie")


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Bags of hashed words: texts that share words are near, which is all that an embedder promises here."""
    vectors = np.full((len(texts), DIMENSIONS), 1e-3, dtype=np.float32)
    for row, text in enumerate(texts):
        for word in re.findall(r"\w+", text.casefold()):
            vectors[row, zlib.crc32(word.encode()) % DIMENSIONS] += 1
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def prompt_of(index: int) -> str:
    """Different for 200 indices; even ones ask for music, odd ones for the weather."""
    name, number = (CITIES if index % 2 else SONGS)[index // 2 % 10], index // 20
    return f"weather forecast for {name} in {number} days" if index % 2 else f"play the song {name} on channel {number}"


def answer_of(index: int) -> str:
    name, number = (CITIES if index % 2 else SONGS)[index // 2 % 10], str(index // 20)
    slots = {"city": name, "days": number} if index % 2 else {"song": name, "channel": number}
    return json.dumps({"intent": "GetWeather" if index % 2 else "PlayMusic", "slots": slots})


def build_row(index: int, answer: str | None = None) -> dict[str, object]:
    messages = [
        {"role": "system", "content": "Answer in JSON."},
        {"role": "user", "content": prompt_of(index)},
        {"role": "assistant", "content": answer_of(index) if answer is None else answer},
    ]
    return {"messages": messages}


def build_example(prompt: str, answer: str, line: int) -> Example:
    return Example(Conversation((Message("user", prompt), Message("assistant", answer))), line)


def build_candidates(count: int = 80, *, spoilt: dict[int, str] | None = None) -> Candidates:
    """`spoilt` are other answers, by index from 0; the line of a row is its index and 1."""
    answers = {index: answer_of(index) for index in range(count)} | (spoilt or {})
    return read_candidates([build_example(prompt_of(i), answers[i], i + 1) for i in range(count)], embed)
