"""Training rows leave an imprint of hashes and sketches, by which others like them are known when the rows are gone."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.conversation import Conversation
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

    from luthier.data.dataset import Example
    from luthier.data.likeness.shingles import Hashes
    from luthier.data.likeness.sketches import Sketches

FILE_NAME = "imprint-{number}.npz"
FORMAT = 1


class Resemblance(NamedTuple):
    """The row at `query` is like the training row that stood on `line`; `similarity` is 1 where both ask the same, and
    otherwise an estimate with a standard error of at most 0.045."""

    query: int
    line: int
    asks_the_same: bool
    similarity: float


@dataclass(frozen=True, eq=False)
class Imprint:
    """Of `N` rows: no word of theirs can be read from it.

    `lines` (N,) say where each stood in the file called `source`. `prompts` (P,) are 64 bits of the hash of each prompt
    that an assistant answers, whatever its case, spacing and punctuation, in row `owners` (P,). `sketches` (N, 128)
    were made without `boilerplate`.
    """

    source: str
    lines: NDArray[np.int64]
    prompts: Hashes
    owners: NDArray[np.int64]
    sketches: Sketches
    boilerplate: Hashes

    @property
    def rows(self) -> int:
        return len(self.lines)

    def find_resemblances(self, examples: Sequence[Example]) -> Iterator[Resemblance]:
        """For each row that is like any of these, the one that it is most like."""
        known = dict(zip(self.prompts.tolist(), self.owners.tolist(), strict=True))
        nearest = self._find_nearest(examples)
        for query, example in enumerate(examples):
            owner = known.get(_hash_prompt(example.conversation))
            if owner is not None:
                yield Resemblance(query, int(self.lines[owner]), True, 1.0)
            elif query in nearest:
                yield nearest[query]

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
    hashes = [(prompt, row) for row, example in enumerate(examples) for prompt in _hash_prompts(example.conversation)]
    return Imprint(
        source=source,
        lines=np.array([example.line for example in examples], np.int64),
        prompts=np.array([prompt for prompt, _ in hashes], np.uint64),
        owners=np.array([row for _, row in hashes], np.int64),
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
            lines=imprint.lines,
            prompts=imprint.prompts,
            owners=imprint.owners,
            sketches=imprint.sketches,
            boilerplate=imprint.boilerplate,
        )


def read_imprints(folder: Path) -> tuple[Imprint, ...]:
    """Empty for a model that is older than imprints. Raises StoreDamaged for a file that is no imprint."""
    return tuple(_read(path) for path in sorted(folder.glob(FILE_NAME.format(number="*"))))


def _read(path: Path) -> Imprint:
    hint = "the model itself is unharmed; tune it again to have its rows known"
    try:
        with np.load(path, allow_pickle=False) as kept:
            if int(kept["format"]) != FORMAT:
                raise StoreDamaged(f"{path} is an imprint of another version of luthier", hint=hint)
            arrays = {name: kept[name] for name in ("lines", "prompts", "owners", "sketches", "boilerplate")}
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


def _hash_prompts(conversation: Conversation) -> list[int]:
    """Of what each of the assistant's messages answers: a test may ask what a training row asks on its way."""
    messages = conversation.messages
    return [
        _hash_prompt(Conversation(messages[: index + 1], conversation.tools))
        for index, message in enumerate(messages)
        if message.role == "assistant"
    ]


def _hash_prompt(conversation: Conversation) -> int:
    folded = fingerprint_folded(conversation.prompt, conversation.tools)
    return int.from_bytes(hashlib.sha256(folded.encode()).digest()[:8], "little")
