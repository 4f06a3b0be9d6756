"""Versions of datasets from the command line: kept, listed, shown, compared, written out, and traced from a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import QUICK
from tests.support.rows_to_split import make_example, phrase_question

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.dataset import Example
    from luthier.models.catalog import Base
    from tests.cli.conftest import Call


def write_examples(path: Path, examples: list[Example]) -> Path:
    path.write_text("".join(json.dumps(example.to_row()) + "\n" for example in examples), encoding="utf-8")
    return path


@pytest.fixture
def rows(tmp_path: Path) -> list[Example]:
    """Also written to orders.jsonl."""
    rows = [make_example(phrase_question(number), ("yes", "no")[number % 2]) for number in range(20)]
    write_examples(tmp_path / "orders.jsonl", rows)
    return rows


@pytest.fixture
def grown(call: Call, rows: list[Example], tmp_path: Path) -> list[Example]:
    """The second version of orders: one row added, one removed, one changed."""
    assert call("data", "add", "orders.jsonl").code == 0
    corrected = make_example(rows[4].conversation.messages[1].content, "it depends")
    grown = [*rows[1:4], corrected, *rows[5:], make_example(phrase_question(99), "new")]
    write_examples(tmp_path / "orders.jsonl", grown)
    assert call("data", "add", "orders.jsonl").code == 0
    return grown


def test_a_file_is_kept_once(call: Call, rows: list[Example]) -> None:
    first = call("data", "add", "orders.jsonl")
    assert (first.code, first.out.split(", ")[0]) == (0, "orders@1: 20 rows")
    again = call("data", "add", "orders.jsonl")
    assert (again.code, again.out) == (0, "nothing to add: these rows are orders@1 already\n")
    document = call("data", "add", "orders.jsonl", "--json").document
    assert (document["name"], document["version"], document["rows"], document["is_new"]) == ("orders", 1, 20, False)


def test_a_new_version_says_what_changed(call: Call, grown: list[Example]) -> None:
    lines = call("data", "log", "orders").out.splitlines()
    assert [line.split()[0] for line in lines] == ["version", "orders@2", "orders@1"]
    assert "1 added, 1 removed, 1 changed" in lines[1]
    assert "new" in lines[2].split()
    document = call("data", "log", "orders", "--json").document
    assert [version["version"] for version in document["versions"]] == [2, 1]
    assert document["versions"][0]["changes"] == {"added": 1, "removed": 1, "changed": 1, "unchanged": 18}


def test_rows_of_an_older_version_are_not_kept_again(
    call: Call, grown: list[Example], rows: list[Example], tmp_path: Path
) -> None:
    write_examples(tmp_path / "orders.jsonl", rows)
    assert call("data", "add", "orders.jsonl").out == (
        "nothing to add: these rows are orders@1 already; the latest is orders@2\n"
    )


def test_datasets_are_listed_with_their_latest_versions(call: Call, grown: list[Example]) -> None:
    call("data", "add", "orders.jsonl", "--name", "copy")
    lines = call("data", "list").out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [["copy", "copy@1", "20"], ["orders", "orders@2", "20"]]
    assert [d["name"] for d in call("data", "list", "--json").document["datasets"]] == ["copy", "orders"]


def test_an_empty_home_says_what_to_do(call: Call) -> None:
    assert call("data", "list").out == "no datasets yet; `luthier data add FILE` keeps one\n"
    assert "add" in call("data").out
    assert call("data") == call("data", "--help")


def test_a_version_is_shown_with_its_labels(call: Call, grown: list[Example]) -> None:
    text = call("data", "show", "orders@1").out
    assert text.startswith("orders@1\n")
    assert [line.split() for line in text.splitlines()[-3:]] == [
        ["answer", "rows"],
        ["yes", "10", "50%"],
        ["no", "10", "50%"],
    ]
    document = call("data", "show", "orders@1", "--json").document
    assert document["labels"] == {"field": "answer", "counts": {"yes": 10, "no": 10}}
    assert (document["models"], document["is_preference"]) == ([], False)


def test_a_difference_names_lines_and_texts(call: Call, grown: list[Example]) -> None:
    text = call("data", "diff", "orders").out
    lines = text.splitlines()
    assert lines[0] == "orders@1 to orders@2: 1 added, 1 removed, 1 changed, 18 unchanged"
    assert lines[lines.index("added, in orders@2") + 1].startswith("  line 20: ")
    assert lines[lines.index("removed, in orders@1") + 1].startswith("  line 1: ")
    changed = lines.index("changed")
    assert lines[changed + 1].startswith("  line 5, now line 4, ")
    assert lines[changed + 1].endswith(": other answer")
    assert lines[changed + 2 : changed + 4] == ["    - yes", "    + it depends"]
    assert call("data", "diff", "orders@1", "orders@2").out == text
    assert call("data", "diff", "orders@1").out == text


def test_a_difference_as_json_has_every_row(call: Call, grown: list[Example]) -> None:
    document = call("data", "diff", "orders@2", "orders@1", "--json").document
    assert (document["old"], document["new"]) == ("orders@2", "orders@1")
    assert document["counts"] == {"added": 1, "removed": 1, "changed": 1, "unchanged": 18}
    assert document["added"][0]["line"] == 1
    assert document["changed"][0]["parts"] == ["answer"]
    assert document["changed"][0]["new"]["row"]["messages"][-1]["content"] == "yes"


def test_a_file_is_compared_with_what_is_kept(call: Call, grown: list[Example], tmp_path: Path) -> None:
    write_examples(tmp_path / "orders.jsonl", grown[::-1])
    lines = call("data", "diff", "orders", "orders.jsonl").out.splitlines()
    assert lines == [
        "orders@2 to orders.jsonl: 0 added, 0 removed, 0 changed, 20 unchanged",
        "unchanged rows stand in another order",
    ]


def test_a_long_difference_shows_the_first_rows_unless_all_are_wanted(
    call: Call, rows: list[Example], tmp_path: Path
) -> None:
    call("data", "add", "orders.jsonl")
    write_examples(tmp_path / "none.jsonl", [make_example(phrase_question(number)) for number in range(50, 62)])
    short = call("data", "diff", "orders", "none.jsonl").out
    assert "  and 7 more; --all shows them" in short.splitlines()
    assert short.count("  line ") == 10
    assert call("data", "diff", "orders", "none.jsonl", "--all").out.count("  line ") == 32


def test_a_version_is_written_out_again(call: Call, grown: list[Example], rows: list[Example], tmp_path: Path) -> None:
    assert call("data", "write", "orders@1", "old.jsonl").out == "orders@1: 20 rows in old.jsonl\n"
    written = [json.loads(line) for line in (tmp_path / "old.jsonl").read_text().splitlines()]
    assert written == [example.to_row() for example in rows]
    assert call("data", "write", "orders@2", "old.jsonl").code == 2


def test_a_version_stands_for_a_file(call: Call, grown: list[Example], rows: list[Example], tmp_path: Path) -> None:
    assert call("split", "orders@1", "--out", "split").code == 0
    manifest = json.loads((tmp_path / "split" / "manifest.json").read_text())
    assert manifest["source"]["name"] == "orders@1"
    call("data", "write", "orders@1", "old.jsonl")
    call("split", "old.jsonl", "--out", "other")
    for side in ("train", "validation", "test"):
        assert (tmp_path / "split" / f"{side}.jsonl").read_text() == (tmp_path / "other" / f"{side}.jsonl").read_text()


def test_a_file_wins_over_a_version_of_that_name(call: Call, grown: list[Example], tmp_path: Path) -> None:
    write_examples(tmp_path / "orders", [make_example(phrase_question(number)) for number in range(30)])
    assert call("split", "orders", "--out", "split", "--json").document["train"]["rows"] == 24


MISTAKES = (
    ("data show ordrs", 2, "did you mean orders?"),
    ("data show orders@3", 2, "orders has no version 3"),
    ("data log ordrs", 2, "did you mean orders?"),
    ("data diff orders@x", 2, "names no version"),
    ("data diff orders nothing.jsonl", 2, "no dataset is called 'nothing.jsonl'"),
    ("data write orders folder", 2, "folder is a folder"),
    ("data add missing.jsonl", 2, "missing.jsonl"),
    ("data add broken.jsonl", 1, "broken.jsonl:1"),
    ("data add orders.jsonl --name a/b", 2, "cannot be a dataset's name"),
    ("split orders@3 --out split", 2, "orders has no version 3"),
    ("split ordrs --out split", 2, "no such file"),
)


def test_what_cannot_be_done_is_said(call: Call, grown: list[Example], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.jsonl").write_text("{\n")
    for command, code, message in MISTAKES:
        outcome = call(*command.split())
        assert (outcome.code, message in outcome.err, "hint: " in outcome.err) == (code, True, True), command


def test_one_version_has_nothing_to_be_compared_with(call: Call, rows: list[Example]) -> None:
    call("data", "add", "orders.jsonl")
    outcome = call("data", "diff", "orders")
    assert outcome.code == 2
    assert "luthier data diff orders FILE" in outcome.err


def test_a_model_is_traced_to_the_version_that_it_learned_from(
    call: Call, grown: list[Example], tiny_base: Base
) -> None:
    assert call("tune", "orders", "--base", tiny_base.name, "--name", "bot", *QUICK).code == 0
    line = call("lineage", "bot", "--json").document["lineage"]
    assert [step["kind"] for step in line] == ["model", "run", "splits", "dataset", "dataset"]
    assert [step["name"] for step in line[3:]] == ["orders@2", "orders@1"]
    assert call("data", "show", "orders@2", "--json").document["models"] == ["bot"]
    assert call("lineage", "orders@2", "--json").document["lineage"][0]["kind"] == "dataset"
