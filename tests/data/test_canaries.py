"""Canaries are planted in training rows, found again there, and written down for their planter alone."""

from __future__ import annotations

import random
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.data.canaries import SECRET, find_planted, plant_canaries, read_canaries, write_canaries
from luthier.data.dataset import Dataset
from luthier.data.reading import read_written
from luthier.data.splits.folder import to_jsonl
from luthier.errors import FileMissing, InvalidDataset, UsageError
from tests.support.chats import make_dataset
from tests.support.learned import make_row
from tests.support.preferences import make_preferences

if TYPE_CHECKING:
    from luthier.data.canaries import Planting


def plant(count: int = 5, seed: int = 0, dataset: Dataset | None = None) -> Planting:
    return plant_canaries(dataset or make_dataset(8), count, random.Random(seed))


def test_each_canary_is_a_row_of_its_own_with_a_secret_of_its_own() -> None:
    dataset, canaries = plant(50)
    assert dataset.examples[:8] == make_dataset(8).examples
    assert [example.line for example in dataset.examples] == list(range(1, 59))
    assert len({canary.secret for canary in canaries}) == len({canary.question for canary in canaries}) == 50
    for example, canary in zip(dataset.examples[8:], canaries, strict=True):
        assert canary.secret in example.conversation.answer.content
        assert SECRET.fullmatch(canary.secret)


def test_the_rows_begin_as_all_others_do() -> None:
    dataset, (canary, *_) = plant()
    assert canary.system == "Name the colour."
    assert {example.conversation.messages[0] for example in dataset.examples} == {
        make_dataset(1).examples[0].conversation.messages[0]
    }
    mixed = Dataset("mixed", Path("m.jsonl"), (make_row("a?", "b", system="One."), make_row("c?", "d", system="Two.")))
    assert plant(dataset=mixed).canaries[0].system == ""


def test_the_same_seed_plants_the_same_secrets_and_another_one_others() -> None:
    assert plant(seed=1).canaries == plant(seed=1).canaries
    assert not {canary.secret for canary in plant(seed=1).canaries} & {
        canary.secret for canary in plant(seed=2).canaries
    }


def test_they_are_found_again_in_the_rows_that_a_run_has_kept() -> None:
    dataset, canaries = plant()
    kept = read_written(to_jsonl(dataset).encode(), Path("kept.jsonl"))
    assert find_planted(kept.examples) == canaries
    assert find_planted(make_dataset(8).examples) == ()


def test_secrets_are_written_for_their_planter_alone(tmp_path: Path) -> None:
    path = tmp_path / "data.canaries.json"
    write_canaries(plant().canaries, path)
    assert read_canaries(path) == plant().canaries
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_no_file_of_canaries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="cannot be read"):
        read_canaries(tmp_path / "nothing.json")
    for content in ("", "[]", '{"canaries": [1]}', '{"canaries": [["a", "b"]]}'):
        (tmp_path / "other.json").write_text(content)
        with pytest.raises(InvalidDataset, match="holds no canaries"):
            read_canaries(tmp_path / "other.json")


def test_what_cannot_be_planted_is_refused() -> None:
    with pytest.raises(UsageError, match="0 canaries"):
        plant(0)
    with pytest.raises(InvalidDataset, match="holds canaries already"):
        plant(dataset=plant().dataset)
    with pytest.raises(InvalidDataset, match="pairs of answers"):
        plant(dataset=make_preferences())
