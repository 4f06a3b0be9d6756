"""A file is split, says what it did, and is split again without moving a row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.rows_to_split import make_example, phrase_question

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.dataset import Example
    from tests.cli.conftest import Call


def write_examples(path: Path, examples: list[Example]) -> Path:
    path.write_text("".join(json.dumps(example.to_row()) + "\n" for example in examples), encoding="utf-8")
    return path


def make_examples(count: int, first: int = 0) -> list[Example]:
    return [
        make_example(phrase_question(number), ("yes", "no")[number % 2], customer=f"c{number // 2}")
        for number in range(first, first + count)
    ]


def read_sides(folder: Path) -> dict[str, str]:
    """Each row's side."""
    return {line: file.stem for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_examples(tmp_path / "rows.jsonl", make_examples(60))


def test_a_split_says_what_it_did(call: Call, rows: Path) -> None:
    outcome = call("split", rows, "--out", "data", "--group-by", "customer")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["data/train.jsonl", "48", "rows", "80%"],
        ["data/validation.jsonl", "6", "rows", "10%"],
        ["data/test.jsonl", "6", "rows", "10%"],
    ]
    assert "60 rows in 30 units that are not parted" in lines
    assert "  30 sets of rows with the same customer, 60 rows together" in lines
    assert [line.split() for line in lines[-3:]] == [
        ["answer", "all", "train", "validation", "test"],
        ["no", "50%", "50%", "50%", "50%"],
        ["yes", "50%", "50%", "50%", "50%"],
    ]


def test_json_says_the_same(call: Call, rows: Path) -> None:
    document = call("split", rows, "--out", "data", "--group-by", "customer", "--json").document
    assert document["folder"] == "data"
    assert document["train"]["rows"] == 48
    assert (document["group_by"], document["near"], document["seed"], document["stratify"]) == (
        "customer", 0.8, 0, "auto",
    )  # fmt: skip
    assert document["together"]["groups"] == {"number": 30, "rows": 60}
    assert document["labels"]["field"] == "answer"
    assert document["labels"]["counts"][0] == {"label": "no", "train": 24, "validation": 3, "test": 3}
    assert (document["turnover"], document["warnings"], document["units"]) == (None, [], 30)


def test_a_longer_file_moves_no_row(call: Call, rows: Path, tmp_path: Path) -> None:
    call("split", rows, "--out", "data", "--group-by", "customer", "--seed", "3")
    before = read_sides(tmp_path / "data")
    write_examples(rows, [*make_examples(40, first=60), *make_examples(60)[2:]])
    outcome = call("split", rows, "--out", "data")
    assert "58 rows of the earlier split stayed on their sides, 40 new, 2 gone" in outcome.out.splitlines()
    after = read_sides(tmp_path / "data")
    assert all(after[row] == side for row, side in before.items() if row in after)
    assert [list(after.values()).count(side) for side in ("train", "validation", "test")] == [78, 10, 10]
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text())
    assert (manifest["group_by"], manifest["seed"]) == ("customer", 3)
    assert manifest["parent"]


def test_the_same_command_again_changes_nothing(call: Call, rows: Path, tmp_path: Path) -> None:
    command = ("split", rows, "--out", "data", "--group-by", "customer")
    call(*command)
    before = {file.name: file.stat().st_ino for file in (tmp_path / "data").iterdir()}
    assert "60 rows of the earlier split stayed on their sides, 0 new, 0 gone" in call(*command).out
    assert {file.name: file.stat().st_ino for file in (tmp_path / "data").iterdir()} == before


def test_options_that_would_move_rows_are_refused_unless_asked_for(call: Call, rows: Path, tmp_path: Path) -> None:
    call("split", rows, "--out", "data")
    before = read_sides(tmp_path / "data")
    outcome = call("split", rows, "--out", "data", "--seed", "1", "--fractions", "60/20/20")
    assert outcome.code == 2
    assert "was dealt with seed 0, not 1, and fractions 0.8/0.1/0.1, not 0.6/0.2/0.2" in outcome.err
    assert "--fresh" in outcome.err
    assert read_sides(tmp_path / "data") == before
    assert call("split", rows, "--out", "data", "--seed", "1", "--fractions", "60/20/20", "--fresh").code == 0
    assert list(read_sides(tmp_path / "data").values()).count("test") == 12


def test_another_folder_can_be_followed(call: Call, rows: Path, tmp_path: Path) -> None:
    call("split", rows, "--out", "old", "--seed", "4")
    write_examples(rows, [*make_examples(60), *make_examples(10, first=60)])
    call("split", rows, "--out", "new", "--like", "old")
    old, new = read_sides(tmp_path / "old"), read_sides(tmp_path / "new")
    assert all(new[row] == side for row, side in old.items())
    assert call("split", rows, "--out", "new", "--like", "old", "--fresh").code == 2


def test_rows_that_would_leak_are_named(call: Call, rows: Path, tmp_path: Path) -> None:
    call("split", rows, "--out", "data", "--near", "off", "--stratify", "off", "--group-by", "customer")
    examples = make_examples(60)
    side_of = {json.loads(row)["metadata"]["customer"]: side for row, side in read_sides(tmp_path / "data").items()}
    trained = next(index for index, e in enumerate(examples) if side_of[e.metadata["customer"]] == "train")
    tested = next(index for index, e in enumerate(examples) if side_of[e.metadata["customer"]] == "test")
    torn = make_example(
        "and then?",
        before=[(examples[trained].conversation.messages[1].content, "so")],
        customer=examples[tested].metadata["customer"],
    )
    write_examples(rows, [*examples, torn])
    outcome = call("split", rows, "--out", "data", "--json")
    assert outcome.code == 1
    error = outcome.document["error"]
    assert error["code"] == "invalid_dataset"
    assert len(error["rows"]) == 1
    assert error["rows"][0].startswith("rows.jsonl:61: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--group-by", "custmer"), "no row has a value for 'custmer'"),
        (("--near", "2"), "near 2: a similarity is above 0 and at most 1"),
        (("--near", "very"), "'very' is no similarity"),
        (("--fractions", "0.8"), "'0.8' are no fractions"),
        (("--fractions", "0.8/0.1/0.2"), "split fractions 0.8/0.1/0.2"),
        (("--stratify", "intent"), "no row has a field 'intent' to stratify by"),
        (("--like", "nowhere"), "nowhere"),
    ],
)
def test_options_that_cannot_be_used_are_refused(call: Call, rows: Path, options: Any, message: str) -> None:
    outcome = call("split", rows, "--out", "data", *options)
    assert outcome.code == 2
    assert message in outcome.err
    assert "hint: " in outcome.err


def test_a_split_of_other_rows_is_not_dealt_over(call: Call, rows: Path, tmp_path: Path) -> None:
    assert call("split", rows, "--out", "data").code == 0
    before = read_sides(tmp_path / "data")
    others = write_examples(tmp_path / "others.jsonl", make_examples(60, first=1000))
    outcome = call("split", others, "--out", "data")
    assert outcome.code == 2
    assert "holds a split of other rows" in outcome.err
    assert read_sides(tmp_path / "data") == before
    assert call("split", others, "--out", "data", "--fresh").code == 0


def test_a_fresh_deal_keeps_groups_together_unless_told_otherwise(call: Call, rows: Path) -> None:
    call("split", rows, "--out", "data", "--group-by", "customer")
    assert call("split", rows, "--out", "data", "--fresh", "--seed", "3", "--json").document["group_by"] == "customer"


def test_the_label_that_is_printed_can_be_asked_for(call: Call, rows: Path) -> None:
    assert call("split", rows, "--out", "data", "--json").document["labels"]["field"] == "answer"
    assert call("split", rows, "--out", "other", "--stratify", "answer", "--json").code == 0
