"""Training rows leave an imprint of hashes and sketches, by which others like them are known when the rows are gone."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from luthier.data.likeness.similarity import NEAR
from luthier.data.likeness.sketch_index import SketchIndex
from luthier.data.likeness.sketches import (
    BATCH_ROWS,
    SKETCH_BYTES,
    find_row_boilerplate,
    hash_rows,
    read_row_text,
    sketch_hashed,
)
from luthier.data.splits.bonds import fingerprint_folded
from luthier.errors import StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from luthier.conversation import Conversation, Message
    from luthier.data.dataset import Example
    from luthier.data.likeness.shingles import Hashes
    from luthier.data.likeness.sketches import Sketches

FILE_NAME = "imprint-{number}.npz"
FORMAT = 2
BEFORE_QUESTIONS = 1
"""An earlier format, which knew prompts by all that is in them alone."""

PARTS = ("lines", "prompts", "owners", "questions", "pairs", "sketches", "boilerplate")


class Resemblance(NamedTuple):
    """The row at `query` is like the training row that stood on `line`; `similarity` is 1 where both ask the same, and
    otherwise an estimate with a standard error of at most 0.045.

    `is_another_task`: what is asked is the same, under another system prompt and with another answer.
    """

    query: int
    line: int
    asks_the_same: bool
    similarity: float
    is_another_task: bool = False


@dataclass(frozen=True, eq=False)
class Imprint:
    """Of `N` rows: no word of theirs can be read from it.

    `lines` (N,) say where each stood in the file called `source`. `prompts` (P,) are 64 bits of the hash of each prompt
    that an assistant answers, whatever its case, spacing and punctuation, in row `owners` (P,); `questions` (P,) are of
    the prompts without their system prompt, and `pairs` (P,) of these with their answers: both empty in an imprint of
    an earlier version. `sketches` (N, 128) were made without `boilerplate`.
    """

    source: str
    lines: NDArray[np.int64]
    prompts: Hashes
    owners: NDArray[np.int64]
    questions: Hashes
    pairs: Hashes
    sketches: Sketches
    boilerplate: Hashes

    @property
    def rows(self) -> int:
        return len(self.lines)

    def find_resemblances(self, examples: Sequence[Example]) -> Iterator[Resemblance]:
        """For each row that is like any of these, the one that it is most like."""
        same = self._map_owners(self.prompts) | self._map_owners(self.pairs)
        asked = self._map_owners(self.questions)
        nearest = self._find_nearest(examples)
        for query, example in enumerate(examples):
            (*_, turn) = _list_turns(example.conversation)
            owners = same.get(turn.prompt) or same.get(turn.pair)
            others = asked.get(turn.question, set())
            near = nearest.get(query)
            if owners:
                yield Resemblance(query, int(self.lines[min(owners)]), True, 1.0)
            elif near is not None and near.line not in {int(self.lines[other]) for other in others}:
                yield near
            elif others:
                yield Resemblance(query, int(self.lines[min(others)]), False, 1.0, is_another_task=True)

    def _map_owners(self, hashes: Hashes) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for each, owner in zip(hashes.tolist(), self.owners.tolist(), strict=False):
            found.setdefault(each, set()).add(owner)
        return found

    def _find_nearest(self, examples: Sequence[Example]) -> dict[int, Resemblance]:
        nearest: dict[int, Resemblance] = {}
        index = SketchIndex(self.sketches, NEAR)
        for found in index.search(_sketch(examples, self.boilerplate)) if examples else ():
            line, similarity = int(self.lines[found.held]), 1 - found.distance
            nearest.setdefault(found.query, Resemblance(found.query, line, False, similarity))
        return nearest


def take_imprint(examples: Sequence[Example], source: str) -> Imprint:
    first = [read_row_text(example.conversation) for example in examples[:BATCH_ROWS]]
    boilerplate = find_row_boilerplate(hash_rows(first)) if first else np.empty(0, np.uint64)
    turns = [(turn, row) for row, example in enumerate(examples) for turn in _list_turns(example.conversation)]
    return Imprint(
        source=source,
        lines=np.array([example.line for example in examples], np.int64),
        prompts=np.array([turn.prompt for turn, _ in turns], np.uint64),
        owners=np.array([row for _, row in turns], np.int64),
        questions=np.array([turn.question for turn, _ in turns], np.uint64),
        pairs=np.array([turn.pair for turn, _ in turns], np.uint64),
        sketches=_sketch(examples, boilerplate),
        boilerplate=boilerplate,
    )


def write_imprints(imprints: Sequence[Imprint], folder: Path) -> None:
    """One file each, in a folder that holds none yet."""
    for number, imprint in enumerate(imprints):
        np.savez_compressed(
            folder / FILE_NAME.format(number=number),
            allow_pickle=False,
            format=np.array(FORMAT),
            source=np.array(imprint.source),
            **{part: getattr(imprint, part) for part in PARTS},
        )


def read_imprints(folder: Path) -> tuple[Imprint, ...]:
    """Empty for a model that is older than imprints. Raises StoreDamaged for a file that is no imprint."""
    return tuple(_read(path) for path in sorted(folder.glob(FILE_NAME.format(number="*"))))


def _read(path: Path) -> Imprint:
    hint = "the model itself is unharmed; tune it again to have its rows known"
    try:
        with np.load(path, allow_pickle=False) as kept:
            if (number := int(kept["format"])) not in (FORMAT, BEFORE_QUESTIONS):
                raise StoreDamaged(f"{path} is an imprint of another version of luthier", hint=hint)
            unknown = {"questions", "pairs"} if number == BEFORE_QUESTIONS else set()
            arrays: dict[str, Any] = {part: np.empty(0, np.uint64) if part in unknown else kept[part] for part in PARTS}
            imprint = Imprint(str(kept["source"]), **arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StoreDamaged(f"{path} is damaged: {error}", hint=hint) from error
    if imprint.sketches.shape != (imprint.rows, SKETCH_BYTES) or imprint.prompts.shape != imprint.owners.shape:
        raise StoreDamaged(f"{path} is damaged: its parts do not fit together", hint=hint)
    return imprint


def _sketch(examples: Sequence[Example], boilerplate: Hashes) -> Sketches:
    batches = [
        sketch_hashed(hash_rows([read_row_text(example.conversation) for example in batch]), boilerplate)
        for batch in (examples[start : start + BATCH_ROWS] for start in range(0, len(examples), BATCH_ROWS))
    ]
    return np.concatenate(batches) if batches else np.empty((0, SKETCH_BYTES), np.uint8)


class _Turn(NamedTuple):
    """Hashes of what the assistant answers, of that without the system prompt, and of this with the answer."""

    prompt: int
    question: int
    pair: int


def _list_turns(conversation: Conversation) -> list[_Turn]:
    """Of each of the assistant's messages: a test may ask what a training row asks on its way."""
    messages, tools = conversation.messages, conversation.tools
    turns = []
    for index, message in enumerate(messages):
        if message.role == "assistant":
            asked = tuple(each for each in messages[:index] if each.role not in ("system", "developer"))
            turns.append(_Turn(_hash(messages[:index], tools), _hash(asked, tools), _hash((*asked, message), tools)))
    return turns


def _hash(messages: tuple[Message, ...], tools: str) -> int:
    folded = fingerprint_folded(messages, tools)
    return int.from_bytes(hashlib.sha256(folded.encode()).digest()[:8], "little")
