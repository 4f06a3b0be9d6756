"""One pass over a file gathers everything there is to say about it, and nothing in a file can stop it."""

from __future__ import annotations

import copy
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from luthier.data.check import check_file
from luthier.data.dataset import Dataset
from luthier.data.reading import load_dataset
from luthier.data.splits.folder import load_splits, write_splits
from luthier.data.splits.split import split_dataset
from luthier.errors import FileMissing
from tests.data.rows import ask, codes, many, message, row, sound_examples, write

if TYPE_CHECKING:
    from pathlib import Path


def test_all_findings_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    last_from_user = row(message("user"))
    report = check_file(write(tmp_path / "orders.jsonl", *many(5), "{", last_from_user, "", *many(3)))
    assert [(finding.line, finding.code) for finding in report.findings] == [
        (6, "LD103"),
        (7, "LD207"),
        (8, "LD107"),
        (9, "LD901"),
        (10, "LD901"),
        (11, "LD901"),
        (None, "LD802"),
    ]
    assert report.has_errors
    assert report.findings[1].sentence("orders.jsonl") == "orders.jsonl:7: the last message is from user"
    assert report.findings[1].hint == "end each example with an assistant message"


def test_summary_counts_what_the_file_holds(tmp_path: Path) -> None:
    rows = [ask(str(number), '{"a": 1}') for number in range(10)]
    report = check_file(write(tmp_path / "orders.jsonl", *rows, "{", ""))
    assert report.summary == {
        "rows": 11,
        "examples": 10,
        "messages": 30,
        "errors": 1,
        "warnings": 1,
        "infos": 1,
        "characters": 10 * (len("Answer.") + 1 + len('{"a": 1}')),
        "answer_kind": "json",
        "system_prompts": 1,
    }


def test_report_becomes_json(tmp_path: Path) -> None:
    report = json.loads(json.dumps(check_file(write(tmp_path / "a.jsonl", "[]", *many(50))).to_json()))
    assert report["summary"]["rows"] == 51
    assert report["findings"][0]["code"] == "LD104"


@pytest.mark.parametrize(
    ("line", "message_text", "hint"),
    [
        ('{"messages": [}', "invalid JSON at column 15: expecting value", "one JSON object on one line"),
        (b"{\xff}", "byte 0xff at offset 1 of the file is not UTF-8 text", "UTF-16"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice in one object", "once"),
        ('{"messages": -1e999}', "-1e999 is not a number that JSON can hold", "within range"),
        (f'{{"messages": {"9" * 5000}}}', "99999999999999999... is not a number", "within range"),
        (row(message("User")), "message 1 has the unknown role 'User'", "did you mean user?"),
        (row(message("asistant")), "message 1 has the unknown role 'asistant'", "did you mean assistant?"),
        (row(message("human")), "message 1 has the unknown role 'human'", "did you mean user?"),
        (
            row(message("user"), message("assistant"), message=1),
            "the row has the unknown key 'message'",
            "did you mean messages?",
        ),
        (row(message("user"), weight=1), "the row has the unknown key 'weight'", "on an assistant message"),
        (row(message("user", contents="")), "has the unknown key 'contents'", "did you mean content?"),
        (
            row(message("function", name="f")),
            "message 1 has the deprecated role function",
            "convert to tools",
        ),
        (row(message("user", 7)), "the content of message 1 is 7, not text", "write the content as text"),
        (row(message("user", [{"type": "image_url"}])), "part 1 of message 1 is 'image_url'", "only text"),
    ],
)
def test_finding_says_where_and_what_next(line: str | bytes, message_text: str, hint: str, tmp_path: Path) -> None:
    findings = check_file(write(tmp_path / "a.jsonl", line)).findings
    assert any(message_text in found.message and hint in found.hint for found in findings), findings


def test_pairs_of_lines_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", *many(50), ask("question 3", "another"), ask("question 7", "answer 7"))
    assert [finding.sentence("a.jsonl") for finding in check_file(file).findings] == [
        "a.jsonl:51: the row asks the same as line 4 and answers differently",
        "a.jsonl:52: the row is the same as line 8",
    ]


def test_parts_of_text_are_joined(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "2 + "}, {"type": "text", "text": "2?"}]
    lines = [row(message("user", parts), message("assistant", "4"))]
    (example,) = sound_examples(write(tmp_path / "a.jsonl", *lines))
    assert example.conversation.prompt[0].content == "2 + 2?"


def test_every_key_of_a_sound_row_survives_reading(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "now"}}
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    messages = [
        message("user", "time?"),
        message("assistant", "now?", weight=0),
        message("user", "yes", name="Zoe"),
        {"role": "assistant", "tool_calls": [call]},
        message("tool", "12:00", tool_call_id="c1"),
        message("assistant", "noon", weight=1),
    ]
    file = write(tmp_path / "a.jsonl", row(*messages, tools=[tool], parallel_tool_calls=False))
    assert codes(check_file(file, minimum=1).findings) == {"LD802"}
    written = sound_examples(file)[0].to_row()
    messages[3]["content"] = ""
    del messages[5]["weight"]
    assert written == {"messages": messages, "tools": [tool], "parallel_tool_calls": False}


def test_windows_line_ends_and_a_missing_last_one_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes("\r\n".join(many(60)).encode())
    report = check_file(tmp_path / "a.jsonl")
    assert report.findings == ()
    unix = load_dataset(write(tmp_path / "b.jsonl", *many(60)))
    assert load_dataset(tmp_path / "a.jsonl").fingerprint == unix.fingerprint


def test_a_file_that_is_not_text_is_one_finding_not_thousands(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes("\n".join(many(60)).encode("utf-16"))
    assert [finding.code for finding in check_file(tmp_path / "a.jsonl").findings] == ["LD101", "LD801"]


def test_what_cannot_be_read_is_missing_and_near_names_are_offered(tmp_path: Path) -> None:
    write(tmp_path / "orders.jsonl", *many(1))
    with pytest.raises(FileMissing, match="no such file") as missing:
        check_file(tmp_path / "order.jsonl")
    assert missing.value.hint == "did you mean orders.jsonl?"
    with pytest.raises(FileMissing, match="is a folder") as folder:
        check_file(tmp_path)
    assert folder.value.hint == "name the .jsonl file inside it"
    with pytest.raises(FileMissing, match="cannot be read"):
        check_file(tmp_path / "orders.jsonl" / "x.jsonl")


def test_random_bytes_become_findings(tmp_path: Path) -> None:
    dice = random.Random(1)
    sound = "\n".join(many(20)).encode()
    for _ in range(200):
        damaged = bytearray(sound[: dice.randrange(len(sound))])
        for _ in range(dice.randrange(1, 30)):
            damaged[dice.randrange(len(damaged)) : 0] = dice.randbytes(dice.randrange(1, 4))
        (tmp_path / "a.jsonl").write_bytes(damaged)
        assert check_file(tmp_path / "a.jsonl").has_errors
        (tmp_path / "a.jsonl").write_bytes(dice.randbytes(2000))
        assert check_file(tmp_path / "a.jsonl").has_errors


STRANGE = [
    None,
    True,
    0,
    1,
    1.5,
    "",
    " ",
    "user",
    "tool",
    "c1",
    [],
    {},
    [[]],
    [None],
    {"type": "text"},
    10**40,
]


def test_strange_values_anywhere_in_a_row_become_findings_or_rows_that_can_be_kept(tmp_path: Path) -> None:
    """What passes without an error must fingerprint, split, be written and read back the same."""
    tool = {"type": "function", "function": {"name": "now", "parameters": {}}}
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    template = {
        "messages": [
            message("system"),
            message("user", [{"type": "text", "text": "time?"}], name="Zoe"),
            message("assistant", None, tool_calls=[call]),
            message("tool", "12:00", tool_call_id="c1"),
            message("assistant", "noon", weight=1),
        ],
        "tools": [tool],
    }
    dice = random.Random(2)
    lines = [json.dumps(damage(template, dice)).replace("time?", f"time {number}?") for number in range(4000)]
    file = write(tmp_path / "a.jsonl", *lines)
    examples = sound_examples(file)
    assert 50 < len(examples) < 3900
    splits = split_dataset(Dataset("a", file, tuple(examples)))
    write_splits(splits, tmp_path / "split")
    assert load_splits(tmp_path / "split").manifest() == splits.manifest()


def damage(template: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """Follows random keys down and replaces, drops or adds a value where it stops."""
    row = copy.deepcopy(template)
    place: Any = row
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = dice.choice(keys)
        if not place[key] or not isinstance(place[key], dict | list) or dice.random() < 0.15:
            break
        place = place[key]
    action = dice.random()
    if action < 0.6:
        place[key] = dice.choice(STRANGE)
    elif action < 0.8:
        del place[key]
    elif isinstance(place, dict):
        place[dice.choice(["name", "weight", "tool_calls", "function_call", "x"])] = dice.choice(STRANGE)
    else:
        place.append(dice.choice(STRANGE))
    return row


def test_deep_and_huge_rows_become_findings_or_rows(tmp_path: Path) -> None:
    huge = ask("x" * 5_000_000, "y" * 5_000_000)
    deep_answer = ask("deep", "[" * 50_000)
    wide = row(message("user"), message("assistant"), tools=[{"type": "function"}] * 50_000)
    bomb = '{"messages":' * 100_000
    many_keys = "{" + ",".join(f'"{n % 40_000}":1' for n in range(80_000)) + "}"
    file = write(tmp_path / "a.jsonl", huge, deep_answer, wide, bomb, many_keys)
    report = check_file(file)
    assert [example.line for example in sound_examples(file)] == [1, 2]
    assert {"LD109", "LD256", "LD105"} <= codes(report.findings)
    assert all(len(finding.message) < 200 for finding in report.findings)
