"""A shop whose goods have colours: questions, training rows, documents, and clerks who know what they are told."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from luthier.advise.ladder import Climb, climb
from luthier.advise.retrieval.corpus import Corpus, read_corpus
from luthier.advise.rungs import Skipped
from luthier.advise.workshop import Machinery, Materials, Workshop
from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example
from luthier.engine.protocol import EmbeddedTexts, Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.task import EvalTask, build_samples, build_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from luthier.advise.ladder import Ascent
    from luthier.advise.prompts import Fits
    from luthier.engine.protocol import Engine

GOODS = ("lamp", "desk", "chair", "bow", "stand", "string", "case", "rosin", "mute", "bridge")
COLOURS = ("red", "green", "blue")
TEST, TRAIN, TIMED = range(20), range(20, 60), range(60, 64)
DIMENSIONS = 64


def name_item(index: int) -> str:
    return f"{GOODS[index % len(GOODS)]}{index}"


def colour_of(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def build_row(index: int, *, line: int = 1) -> Example:
    asked = Message("user", f"What colour is the {name_item(index)}?")
    head = Message("system", "Answer with one colour.")
    extras = f'{{"metadata": {{"source": "{GOODS[index % len(GOODS)]}.md"}}}}'
    return Example(Conversation((head, asked, Message("assistant", colour_of(index)))), line, extras=extras)


def build_rows(indices: Iterable[int], name: str = "shop") -> Dataset:
    rows = tuple(build_row(index, line=line) for line, index in enumerate(indices, start=1))
    return Dataset(name, Path(f"{name}.jsonl"), rows)


def shop_task() -> EvalTask:
    return build_task(build_rows(TEST), parse_grader("exact"), Sampling())


def write_documents(folder: Path) -> Path:
    """One document for each kind of goods, with a paragraph for each item."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, goods in enumerate(GOODS):
        told = [
            f"## {name_item(index)}\n\nThe {name_item(index)} is {colour_of(index)}." for index in range(place, 64, 10)
        ]
        (folder / f"{goods}.md").write_text(f"# {goods}\n\n" + "\n\n".join(told) + "\n")
    return folder


def guess(messages: tuple[Message, ...]) -> str:
    """Knows what a passage tells; shown examples, it answers in one word, and with red; else it talks."""
    asked = messages[-1].content.removesuffix("?").split()[-1]
    told = re.search(rf"The {asked} is (\w+)", "\n".join(message.content for message in messages))
    if told:
        return told[1]
    return "red" if any(message.role == "assistant" for message in messages) else "I would say that it is red!"


def know(messages: tuple[Message, ...]) -> str:
    asked = re.search(r"(\d+)\?$", messages[-1].content)
    return colour_of(int(asked[1])) if asked else "red"


def embed_words(texts: Sequence[str]) -> EmbeddedTexts:
    """Texts that share words are near to each other; nothing else is known of their meaning."""
    vectors = np.full((len(texts), DIMENSIONS), 1e-3, np.float32)
    counts = []
    for place, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        counts.append(len(words))
        for word in words:
            vectors[place, hashlib.sha256(word.encode()).digest()[0] % DIMENSIONS] += 1
    return EmbeddedTexts(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), counts)


def has_room(question: object) -> bool:
    return True


def build_workshop(
    *,
    engine: Engine | None = None,
    corpus: Corpus | None = None,
    system: str = "",
    examples: int = 3,
    fits: Fits = has_room,
    tune: Callable[[], str | Skipped] = lambda: "shop-v1",
    train: Dataset | None = None,
) -> Workshop:
    answering = engine or ScriptedEngine({"clerk": guess, "shop-v1": know})
    materials = Materials(
        task=shop_task(),
        train=train or build_rows(TRAIN),
        corpus=corpus,
        timed=build_samples(build_rows(TIMED)),
        system=system,
        examples=examples,
        passages=2,
    )
    machinery = Machinery(
        find_engine=lambda model: answering,
        find_room=lambda model: fits,
        is_hosted=lambda model: model.startswith("openai:"),
        embed=embed_words,
        tune=tune,
    )
    return Workshop(materials, machinery)


def climb_shop(folder: Path | None = None, *, target: float = 0.8, takes_all: bool = False) -> Ascent:
    """With documents in `folder`, retrieval answers everything; without, only the tuned model does."""
    corpus = read_corpus(write_documents(folder)) if folder else None
    workshop = build_workshop(corpus=corpus)
    return climb(workshop.plan(["clerk"], "clerk"), workshop.materials.task, Climb(target, takes_all=takes_all))
