"""`curate` writes the better half of a training file, says why the rest is left out, and keeps off test sets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from luthier.models.embedding import load_embedder
from luthier.settings import Settings
from luthier.store.home import Home
from tests.conftest import KEPT_BETWEEN_RUNS
from tests.curation.requests import build_row

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from tests.cli.conftest import Call


@pytest.fixture
def train(tmp_path: Path, home_folder: Path) -> Path:
    """Forty rows of which the fourth is prose, in a split, and an embedder in the home."""
    kept = Home(Settings(home=KEPT_BETWEEN_RUNS))
    load_embedder(kept)
    home_folder.mkdir()
    (home_folder / "embedders").symlink_to(kept.embedders.absolute(), target_is_directory=True)
    rows = [build_row(index, "Nice weather." if index == 3 else None) for index in range(40)]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    path.with_name("test.jsonl").write_text("")
    return path


def test_half_is_kept_and_the_rest_is_explained(call: Call, train: Path) -> None:
    outcome = call("curate", train, "--out", "curated.jsonl", "--no-model")
    lines = outcome.out.splitlines()
    assert outcome.code == 0
    assert lines[0] == "curated.jsonl: kept 20 of 40 rows"
    assert any(line.startswith("1 ") and " format " in line for line in lines)
    assert any(f"{train}:4: its answer is a text" in line for line in lines)
    assert lines[-1].endswith("curated.ledger.jsonl")
    assert "luthier split" not in outcome.err


def test_json_names_files_counts_reasons_and_the_formula_of_each_signal(
    call: Call, train: Path, tiny_base: Base
) -> None:
    outcome = call("curate", train, "--out", "c.jsonl", "--rows", "30", "--base", tiny_base.name, "--json")
    document = outcome.document
    assert (outcome.code, document["rows"], document["kept"], document["out"]) == (0, 40, 30, "c.jsonl")
    assert sum(document["left_out"].values()) == 10
    assert {signal["name"] for signal in document["signals"]} >= {"format", "label", "ifd"}
    assert document["worst"][0]["line"] == 4
    assert "ifd" in document["worst"][0]["scores"]


def test_a_test_set_is_refused_and_a_file_before_its_split_is_pointed_out(call: Call, train: Path) -> None:
    held_out = call("curate", train.with_name("test.jsonl"), "--out", "c.jsonl")
    assert held_out.code == 2
    assert "held out" in held_out.err
    train.with_name("test.jsonl").unlink()
    assert "luthier split" in call("curate", train, "--out", "c.jsonl", "--no-model").err


def test_an_impossible_share_is_a_usage_error(call: Call, train: Path) -> None:
    assert call("curate", train, "--out", "c.jsonl", "--keep", "2", "--no-model").code == 2
