"""What is written is the rows kept and a ledger of all; nothing is written over data that matters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from luthier.curation.curator import Quota, propose_rows
from luthier.curation.output_files import is_split_off, ledger_path, refuse_paths, write_proposal
from luthier.errors import NameTaken, UsageError
from tests.curation.requests import build_row, embed

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.curation.proposal import Proposal


@pytest.fixture
def train(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(f"{json.dumps(build_row(index))}\n" for index in range(20)))
    return path


@pytest.fixture
def proposal(train: Path) -> Proposal:
    return propose_rows(train, Quota(rows=8), embed=embed)


def test_the_kept_rows_are_those_of_the_file_in_its_order(train: Path, proposal: Proposal) -> None:
    out = train.with_name("curated.jsonl")
    write_proposal(proposal, out)
    rows = [json.loads(line) for line in train.read_text().splitlines()]
    ledger = [json.loads(line) for line in ledger_path(out).read_text().splitlines()]
    assert [json.loads(line) for line in out.read_text().splitlines()] == [
        rows[entry["line"] - 1] for entry in ledger if entry["kept"]
    ]
    assert [entry["line"] for entry in ledger] == list(range(1, 21))
    assert set(ledger[0]) == {"line", "kept", "rank", "suspicion", "scores", "reasons"}


def test_the_same_again_is_welcome_and_anything_else_is_not_replaced(train: Path, proposal: Proposal) -> None:
    out = train.with_name("curated.jsonl")
    write_proposal(proposal, out)
    write_proposal(proposal, out)
    out.write_text("mine\n")
    with pytest.raises(NameTaken):
        write_proposal(proposal, out)
    assert out.read_text() == "mine\n"
    write_proposal(proposal, out, replaces=True)
    assert len(out.read_text().splitlines()) == 8


def test_a_taken_ledger_keeps_the_rows_from_being_written(train: Path, proposal: Proposal) -> None:
    out = train.with_name("curated.jsonl")
    ledger_path(out).write_text("mine\n")
    with pytest.raises(NameTaken):
        write_proposal(proposal, out)
    assert not out.exists()


@pytest.mark.parametrize("side", ["test", "validation"])
def test_a_side_that_is_held_out_is_not_curated(train: Path, side: str) -> None:
    held_out = train.with_name(f"{side}.jsonl")
    held_out.write_text(train.read_text())
    with pytest.raises(UsageError, match="held out") as caught:
        refuse_paths(held_out, train.with_name("out.jsonl"))
    assert str(train) in caught.value.hint


def test_a_whole_split_the_file_itself_and_a_folder_are_refused(train: Path) -> None:
    for side in ("test", "validation"):
        train.with_name(f"{side}.jsonl").write_text("")
    with pytest.raises(UsageError, match="is a split"):
        refuse_paths(train.parent, train.with_name("out.jsonl"))
    with pytest.raises(UsageError, match="is the file to be curated"):
        refuse_paths(train, train.parent / "." / "train.jsonl")
    with pytest.raises(UsageError, match="is a folder"):
        refuse_paths(train, train.parent)
    refuse_paths(train, train.with_name("out.jsonl"))


def test_a_file_without_a_test_set_beside_it_is_noticed(train: Path) -> None:
    assert not is_split_off(train)
    train.with_name("test.jsonl").write_text("")
    assert is_split_off(train)
