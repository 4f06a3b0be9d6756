from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from luthier.data.examples.orders import generate_rows
from luthier.engine.protocol import EmbeddedTexts
from luthier.errors import InvalidDataset
from luthier.pipeline.data import split
from luthier.pipeline.freezing import KeptEmbed, freeze_splits
from luthier.store.home import Home
from tests.advise.shop import embed_words
from tests.support.preferences import make_preferences


def write_rows(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_the_same_rows_are_measured_on_the_same_test_wherever_they_stand(tmp_path: Path, home: Home) -> None:
    rows = list(generate_rows(40))
    first = freeze_splits(home, write_rows(tmp_path / "orders.jsonl", rows))
    (tmp_path / "elsewhere").mkdir()
    second = freeze_splits(home, write_rows(tmp_path / "elsewhere" / "orders.jsonl", rows[::-1]))
    assert second.folder == first.folder
    assert second.splits.test.fingerprint == first.splits.test.fingerprint
    assert first.folder.is_relative_to(home.path)


def test_other_rows_get_a_split_of_their_own(tmp_path: Path, home: Home) -> None:
    rows = list(generate_rows(41))
    one = freeze_splits(home, write_rows(tmp_path / "orders.jsonl", rows[:40]))
    other = freeze_splits(home, write_rows(tmp_path / "orders.jsonl", rows))
    assert one.folder != other.folder


def test_a_folder_of_splits_is_taken_as_it_is(tmp_path: Path, home: Home) -> None:
    splits = split(write_rows(tmp_path / "orders.jsonl", list(generate_rows(40))), tmp_path / "data")
    frozen = freeze_splits(home, tmp_path / "data")
    assert frozen.folder == tmp_path / "data"
    assert frozen.splits.test.fingerprint == splits.test.fingerprint


def test_pairs_of_answers_are_refused_before_anything_is_kept(tmp_path: Path, home: Home) -> None:
    file = write_rows(tmp_path / "pairs.jsonl", [row.to_row() for row in make_preferences(20).examples])
    with pytest.raises(InvalidDataset, match="pairs of a preferred and a rejected answer"):
        freeze_splits(home, file)
    assert not list((home.path / "advise").glob("splits/*"))


class Counted:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, texts: Sequence[str]) -> EmbeddedTexts:
        self.calls += 1
        return embed_words(texts)


def test_vectors_are_computed_once(tmp_path: Path) -> None:
    counted = Counted()
    fresh = KeptEmbed(counted, tmp_path, "model")(["a lamp", "a desk"])
    again = KeptEmbed(counted, tmp_path, "model")(["a lamp", "a desk"])
    assert counted.calls == 1
    assert np.array_equal(fresh.vectors, again.vectors)
    assert again.token_counts == [2, 2]
    KeptEmbed(counted, tmp_path, "another model")(["a lamp", "a desk"])
    assert counted.calls == 2


def test_damaged_vectors_count_as_absent(tmp_path: Path) -> None:
    counted = Counted()
    KeptEmbed(counted, tmp_path, "model")(["a lamp"])
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(b"PK broken")
    assert KeptEmbed(counted, tmp_path, "model")(["a lamp"]).vectors.shape[0] == 1
    assert counted.calls == 2
