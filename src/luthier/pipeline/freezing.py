"""What an advice rests on is kept in the home: the split that it measures on, and the vectors that it searches by."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.conversation import fingerprint_json
from luthier.data.reading import load_dataset
from luthier.data.splits.folder import load_splits, write_splits
from luthier.data.splits.split import split_dataset
from luthier.engine.protocol import EmbeddedTexts
from luthier.errors import InvalidDataset
from luthier.pipeline.versions import find_data
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.data.dataset import Example
    from luthier.data.splits.split import Splits
    from luthier.engine.protocol import Embed
    from luthier.store.home import Home

FOLDER = "advise"
FINGERPRINT_IN_NAME = 16


class Frozen(NamedTuple):
    """`folder` holds the rows that are trained on and those that are measured with."""

    splits: Splits
    folder: Path


@dataclass(frozen=True)
class KeptEmbed:
    """Vectors of texts that were embedded together before are read from `folder`; a damaged file counts as absent.

    `model` tells apart whose vectors they are.
    """

    embed: Embed
    folder: Path
    model: str

    def __call__(self, texts: Sequence[str]) -> EmbeddedTexts:
        path = self.folder / f"{fingerprint_json([self.model, list(texts)])}.npz"
        kept = read_vectors(path, len(texts))
        if kept is not None:
            return kept
        found = self.embed(texts)
        buffer = io.BytesIO()
        np.savez(buffer, vectors=found.vectors, token_counts=np.array(found.token_counts, np.int64))
        write_atomic(path, buffer.getvalue())
        return found


def freeze_splits(home: Home, data: Path | str) -> Frozen:
    """A folder's own splits. A file is dealt as by `luthier split` and the result kept under the fingerprint of its
    rows: the same rows are measured on the same test, wherever the file lies and whatever the order of its lines.

    Raises InvalidDataset for pairs of answers, of which none can be measured alone.
    """
    path = find_data(data, home=home)
    if path.is_dir():
        return Frozen(refuse_pairs(load_splits(path)), path)
    dataset = load_dataset(path)
    name = f"{dataset.name}-{fingerprint_rows(dataset.examples)}"
    folder = home.path / FOLDER / "splits" / name
    if not folder.is_dir():
        write_splits(refuse_pairs(split_dataset(dataset)), folder)
    return Frozen(load_splits(folder), folder)


def fingerprint_rows(examples: Sequence[Example]) -> str:
    """The same for the same rows in any order."""
    return fingerprint_json(sorted(example.fingerprint for example in examples))[:FINGERPRINT_IN_NAME]


def refuse_pairs(splits: Splits) -> Splits:
    if splits.test.is_preference:
        raise InvalidDataset(
            f"{splits.test.name} holds pairs of a preferred and a rejected answer",
            hint="advise needs rows with one answer each; `luthier eval` measures pairs",
        )
    return splits


def read_vectors(path: Path, count: int) -> EmbeddedTexts | None:
    try:
        with np.load(path, allow_pickle=False) as kept:
            found = EmbeddedTexts(kept["vectors"], kept["token_counts"].tolist())
    except (OSError, ValueError, KeyError, EOFError):
        return None
    return found if len(found.vectors) == len(found.token_counts) == count else None
