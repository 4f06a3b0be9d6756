"""A whole file is converted or nothing is; what is in the way is named, and nothing that stands is overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from luthier.data.check import check_file
from luthier.data.conversion import Conversion, ConversionOrder, convert_file
from luthier.data.formats.registry import find_format
from luthier.errors import FileMissing, InvalidDataset, LuthierError, NameTaken, UsageError

ALPACA = [{"instruction": f"Add {n}.", "input": "", "output": str(n + 1), "id": n} for n in range(12)]
SHAREGPT = [{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}]
PAIRS = [{"prompt": "a", "chosen": "b", "rejected": "c"}] * 3


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "chat.jsonl"


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def convert(source: Path, out: Path, **choices: Any) -> Conversion:
    return convert_file(ConversionOrder(source, out, **choices))


def test_a_file_becomes_chat_rows_that_pass_the_check(source: Path, out: Path) -> None:
    conversion = convert(write(source, *ALPACA), out)
    assert conversion.format == "alpaca"
    assert conversion.forms == {"chat": 12}
    assert conversion.moved == {"id": 12}
    assert conversion.ledger is None
    assert read(out)[0] == {
        "messages": [{"role": "user", "content": "Add 0."}, {"role": "assistant", "content": "1"}],
        "metadata": {"id": 0},
    }
    report = check_file(out)
    assert not [finding for finding in report.findings if finding.severity == "error"]


def test_the_file_is_utf8_with_plain_line_ends(source: Path, out: Path) -> None:
    convert(write(source, {"prompt": "é\u2028\r\n", "completion": "😀"}), out)
    content = out.read_bytes()
    assert content.count(b"\n") == 1
    assert "😀".encode() in content
    assert read(out)[0]["messages"][0]["content"] == "é\u2028\r\n"


def test_progress_is_told_for_every_line(source: Path, out: Path) -> None:
    seen: list[int] = []
    convert_file(ConversionOrder(write(source, *ALPACA), out), on_progress=seen.append)
    assert seen == list(range(1, 13))


def test_one_bad_row_stops_everything(source: Path, out: Path) -> None:
    write(source, *ALPACA, "{", "", {"instruction": None, "output": "b"})
    with pytest.raises(InvalidDataset, match="2 of 14 rows cannot be converted; nothing is written") as refused:
        convert(source, out)
    assert refused.value.rows == (
        "rows.jsonl:13: invalid JSON at column 2: expecting property name enclosed in double quotes",
        "rows.jsonl:15: instruction is null",
    )
    assert "--skip-bad" in refused.value.hint
    assert list(out.parent.iterdir()) == []


def test_bad_rows_may_be_left_out_and_are_then_listed(source: Path, out: Path) -> None:
    bad = {"instruction": None, "output": "b"}
    conversion = convert(write(source, "{oops", bad, *ALPACA), out, skips_bad=True)
    assert conversion.skipped == 2
    assert conversion.ledger == out.parent / "chat.skipped.jsonl"
    first, second = read(conversion.ledger)
    assert (first["line"], first["row"]) == (1, "{oops")
    assert second == {
        "line": 2,
        "reason": "instruction is null",
        "hint": "write instruction, or delete the row",
        "row": bad,
    }
    assert len(read(out)) == 12


def test_leaving_out_every_row_is_no_conversion(source: Path, out: Path) -> None:
    with pytest.raises(InvalidDataset, match="2 of 2 rows cannot be converted"):
        convert(write(source, "{", "["), out, skips_bad=True)
    assert list(out.parent.iterdir()) == []


def test_mixed_formats_are_counted_and_placed(source: Path, out: Path) -> None:
    with pytest.raises(InvalidDataset, match="mixes 2 formats") as refused:
        convert(write(source, *SHAREGPT, *ALPACA, *SHAREGPT), out, skips_bad=True)
    assert refused.value.rows == (
        "Alpaca: 12 rows, first on line 2, 3, 4",
        "ShareGPT: 2 rows, first on line 1, 14",
    )
    assert not out.exists()


def test_one_format_may_not_become_two_forms(source: Path, out: Path) -> None:
    preference = {**SHAREGPT[0], "chosen": {"from": "gpt", "value": "b"}, "rejected": {"from": "gpt", "value": "c"}}
    write(source, *SHAREGPT, preference)
    with pytest.raises(InvalidDataset, match="1 in the form chat and 1 in the form preference") as refused:
        convert(source, out)
    assert refused.value.hint == "ask for one form with --to chat"
    assert convert(source, out, to="chat").forms == {"chat": 2}


def test_rejected_answers_that_are_left_out_are_counted(source: Path, out: Path) -> None:
    write(source, *PAIRS)
    assert convert(source, out).forms == {"preference": 3}
    conversion = convert(source, out, to="chat", replaces=True)
    assert conversion.forms == {"chat": 3}
    assert conversion.rejected_left_out == 3


def test_a_file_without_rows_is_refused(source: Path, out: Path) -> None:
    with pytest.raises(InvalidDataset, match="has no rows"):
        convert(write(source, "", " "), out)


def test_rows_of_no_known_format_come_with_a_map_to_try(source: Path, out: Path) -> None:
    with pytest.raises(InvalidDataset) as refused:
        convert(write(source, {"customer": "a", "reply": "b"}), out)
    assert refused.value.rows == ("rows.jsonl:1: the row is of no known format; its keys are customer, reply",)
    assert refused.value.hint.endswith("--map user=customer --map assistant=reply")


def test_a_format_can_be_forced(source: Path, out: Path) -> None:
    row = {"prompt": "a", "response": "b", "completion": "c"}
    assert convert(write(source, row), out).format == "prompt_completion"
    convert(source, out, form=find_format("question_answer"), replaces=True)
    assert read(out)[0]["messages"][1]["content"] == "b"
    with pytest.raises(InvalidDataset) as refused:
        convert(source, out, form=find_format("alpaca"), replaces=True)
    assert refused.value.rows == ("rows.jsonl:1: the row is not in the format Alpaca",)


def test_what_stands_there_is_replaced_only_on_demand(source: Path, out: Path) -> None:
    write(source, *ALPACA)
    convert(source, out)
    first = out.read_bytes()
    convert(source, out)
    assert out.read_bytes() == first
    write(source, *ALPACA[:10])
    with pytest.raises(NameTaken, match="exists and holds something else") as refused:
        convert(source, out)
    assert "--force" in refused.value.hint
    assert out.read_bytes() == first
    convert(source, out, replaces=True)
    assert len(read(out)) == 10
    assert list(out.parent.iterdir()) == [out]


def test_a_ledger_never_stands_beside_rows_of_another_conversion(source: Path, out: Path) -> None:
    ledger = out.parent / "chat.skipped.jsonl"
    convert(write(source, "{", *ALPACA), out, skips_bad=True)
    write(source, "{oops", *ALPACA)
    with pytest.raises(NameTaken, match="skipped"):
        convert(source, out, skips_bad=True)
    write(source, *ALPACA)
    with pytest.raises(NameTaken, match="the ledger of another conversion"):
        convert(source, out)
    assert ledger.exists()
    convert(source, out, replaces=True)
    assert not ledger.exists()


def test_the_file_itself_is_never_the_target(source: Path, tmp_path: Path) -> None:
    write(source, *ALPACA)
    (tmp_path / "link.jsonl").symlink_to(source)
    for target in (source, tmp_path / "link.jsonl"):
        with pytest.raises(UsageError, match="is the file to be converted"):
            convert(source, target, replaces=True)
    with pytest.raises(UsageError, match="is a folder"):
        convert(source, tmp_path)
    with pytest.raises(FileMissing):
        convert(tmp_path / "nothing.jsonl", tmp_path / "out.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.jsonl", "rows.jsonl"]


@pytest.mark.parametrize("content", [b"\x89PNG", b"a,a\n1,2\n", b"a,b\n1,2\n", b"[1, 2", b"\0" * 99, b"\xff\xfe"])
def test_nothing_is_left_behind_by_a_file_that_cannot_be_converted(source: Path, out: Path, content: bytes) -> None:
    source.write_bytes(content)
    with pytest.raises(LuthierError) as refused:
        convert(source, out)
    assert refused.value.hint
    assert list(out.parent.iterdir()) == []


def test_the_ledger_never_takes_the_place_of_the_file(tmp_path: Path) -> None:
    source = write(tmp_path / "a.skipped.jsonl", *PAIRS)
    with pytest.raises(UsageError, match="is the file to be converted"):
        convert(source, tmp_path / "a.jsonl", replaces=True)
    assert source.exists()


def test_a_message_with_two_kinds_of_calls_is_not_halved(tmp_path: Path, out: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = {"role": "assistant", "tool_calls": [call], "function_call": {"name": "g", "arguments": "{}"}}
    row = {"messages": [{"role": "user", "content": "both"}, turn]}
    with pytest.raises(InvalidDataset, match="cannot be converted") as refusal:
        convert(write(tmp_path / "rows.jsonl", row), out)
    assert "tool_calls and a function_call" in refusal.value.rows[0]
