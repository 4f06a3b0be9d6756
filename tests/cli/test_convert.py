"""`convert` says what it found and wrote, and what it could not convert."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Call

TABLE = "id,customer question,reply\n1,a,b\n2,c,d\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


MAP = ("--map", "user=customer question", "--map", "assistant=reply")


def test_a_mapped_table_is_written_and_summed_up(call: Call, table: Path) -> None:
    outcome = call("convert", table, "--out", "chat.jsonl", *MAP, "--system", "Be kind.")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "chat.jsonl: 2 rows of mapped columns, as OpenAI chat",
        "  system prompt added to 2 rows",
        "  moved to metadata, in so many rows: id (2)",
    ]
    rows = [json.loads(line) for line in (table.parent / "chat.jsonl").read_text().splitlines()]
    assert [message["content"] for message in rows[1]["messages"]] == ["Be kind.", "c", "d"]
    assert call("check", "chat.jsonl", "--json").document["summary"]["examples"] == 2


def test_the_summary_can_be_json(call: Call, table: Path) -> None:
    assert call("convert", table, "--out", "chat.jsonl", *MAP, "--json").document == {
        "file": str(table),
        "out": "chat.jsonl",
        "format": "columns",
        "rows": 2,
        "forms": {"chat": 2},
        "skipped": 0,
        "ledger": None,
        "moved_to_metadata": {"id": 2},
        "rejected_left_out": 0,
        "system_added": 0,
    }


def test_a_table_without_a_map_is_answered_with_one(call: Call, table: Path) -> None:
    outcome = call("convert", table, "--out", "chat.jsonl")
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        f"error: {table}: its columns do not say what is asked and answered: id, customer question, reply",
        "hint: name them: --map 'user=customer question' --map assistant=reply",
    ]


def test_rows_that_cannot_be_converted_are_listed(call: Call, table: Path) -> None:
    table.write_text(TABLE + "3,e\n")
    outcome = call("convert", table, "--out", "chat.jsonl", *MAP)
    assert outcome.code == 1
    assert "table.csv:4: the record has 2 cells, and the header has 3" in outcome.err
    assert not (table.parent / "chat.jsonl").exists()
    outcome = call("convert", table, "--out", "chat.jsonl", *MAP, "--skip-bad")
    assert outcome.code == 0
    assert "  1 row left out, listed in chat.skipped.jsonl" in outcome.out.splitlines()


def test_preferences_become_chats(call: Call, tmp_path: Path) -> None:
    row = {"prompt": "a", "chosen": "b", "rejected": "c"}
    (tmp_path / "pairs.json").write_text(json.dumps([row, row]))
    outcome = call("convert", "pairs.json", "--out", "pairs.jsonl")
    assert outcome.out.splitlines() == ["pairs.jsonl: 2 rows of TRL preference, as OpenAI preference"]
    outcome = call("convert", "pairs.json", "--out", "chat.jsonl", "--to", "chat", "--from", "trl_preference")
    assert outcome.out.splitlines()[1:] == ["  2 rejected answers left out"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "alpaca"), "'alpaca' is not one of"),
        (("--from", "alpcaa"), "did you mean alpaca?"),
        (("--from", "alpaca", *MAP), "give --from or --map, not both"),
        (("--map", "user:question"), "it takes PART=COLUMN"),
        (("--map", "user=customer", "--map", "assistant=reply"), "no column 'customer'"),
    ],
)
def test_a_wrong_call_is_answered_with_a_hint(
    call: Call, table: Path, arguments: tuple[str, ...], message: str
) -> None:
    outcome = call("convert", table, "--out", "chat.jsonl", *arguments)
    assert outcome.code == 2
    assert message in outcome.err


def test_another_file_is_not_overwritten(call: Call, table: Path) -> None:
    (table.parent / "chat.jsonl").write_text("mine")
    outcome = call("convert", table, "--out", "chat.jsonl", *MAP)
    assert outcome.code == 2
    assert (table.parent / "chat.jsonl").read_text() == "mine"
    assert call("convert", table, "--out", "chat.jsonl", *MAP, "--force").code == 0
