"""`check` says what would spoil a model, chooses by rule, writes logs for CI, and mends a copy, never the file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from luthier.data.examples.messy import generate_lines
from luthier.data.examples.orders import generate_rows
from luthier.data.lint.registry import ALL_RULES
from tests.cli.conftest import call_process

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from tests.cli.conftest import Call

KEYS = ["code", "name", "severity", "finds", "why", "example", "hint", "fix", "family"]


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """Thirty-five rows, of which the first 23 lack an answer."""
    path = tmp_path / "wrong.jsonl"
    rows = [{"messages": [{"role": "user", "content": f"hello {number}"}]} for number in range(23)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *generate_rows(12)]))
    return path


@pytest.fixture
def repeated(tmp_path: Path) -> Path:
    """Sixty sound orders and the first of them again: a warning, and it can be mended."""
    path = tmp_path / "repeated.jsonl"
    rows = [json.dumps(row, ensure_ascii=False) for row in generate_rows(60)]
    path.write_text("\n".join([*rows, rows[0], ""]), encoding="utf-8")
    return path


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    path = tmp_path / "messy.jsonl"
    path.write_bytes(b"".join(line.raw + b"\n" for line in generate_lines()))
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_a_sound_file_passes(call: Call, orders: Path) -> None:
    outcome = call("check", orders)
    assert (outcome.code, outcome.err) == (0, "")
    assert "30 rows, 0 errors" in outcome.out.splitlines()[-1]


def test_findings_are_grouped_linked_and_capped_and_hinted_once(call: Call, wrong: Path) -> None:
    outcome = call("check", wrong)
    lines = outcome.out.splitlines()
    assert outcome.code == 1
    assert lines[0] == "error LD207 last-not-assistant: 23 findings"
    assert lines[1] == f"{wrong}:1: error LD207 the last message is from user (message 1)"
    assert sum(": error LD207 the " in line for line in lines) == 5
    assert sum("end each example" in line for line in lines) == 1
    assert "  18 more, shown with --all" in lines
    assert "23 errors" in lines[-1]


def test_all_findings_are_shown_on_demand(call: Call, wrong: Path) -> None:
    assert call("check", wrong, "--all").out.count(": error LD207 the ") == 23


def test_json_holds_every_finding(call: Call, wrong: Path) -> None:
    outcome = call("check", wrong, "--json")
    assert outcome.code == 1
    assert list(outcome.document) == ["file", "format", "summary", "counts", "profile", "findings"]
    findings = [finding for finding in outcome.document["findings"] if finding["code"] == "LD207"]
    assert [finding["line"] for finding in findings] == list(range(1, 24))
    assert outcome.document["counts"]["LD207"] == 23
    assert list(findings[0]) == [
        "code",
        "severity",
        "line",
        "message",
        "hint",
        "message_index",
        "text",
        "related_file",
        "related_line",
    ]


def test_warnings_pass_unless_the_check_is_strict(call: Call, repeated: Path) -> None:
    assert call("check", repeated).code == 0
    assert call("check", repeated, "--strict").code == 1
    assert call("check", repeated, "--strict", "--ignore", "LD9").code == 0


def test_rules_are_selected_and_ignored(call: Call, wrong: Path) -> None:
    outcome = call("check", wrong, "--select", "LD2,few-examples", "--select", "LD108", "--ignore", "LD207")
    assert outcome.code == 0
    assert "LD207" not in outcome.out
    assert "35 rows, 0 errors, 1 warning" in outcome.out
    assert "12 usable" in outcome.out


def test_an_ignored_error_makes_no_row_trainable(call: Call, wrong: Path) -> None:
    assert call("check", wrong, "--ignore", "LD207").code == 0
    outcome = call("split", wrong, "--out", wrong.parent / "data")
    assert outcome.code == 1
    assert "wrong.jsonl:1" in outcome.err


def test_a_log_for_ci_is_written_beside_the_report(call: Call, wrong: Path) -> None:
    outcome = call("check", wrong, "--sarif", "logs/check.sarif")
    log = json.loads((wrong.parent / "logs" / "check.sarif").read_text())
    run = log["runs"][0]
    assert outcome.code == run["invocations"][0]["exitCode"] == 1
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location == {
        "artifactLocation": {"uri": "wrong.jsonl", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 1},
    }
    assert "23 errors" in outcome.out


@pytest.mark.parametrize("log", ["wrong.jsonl", "./wrong.jsonl", "link.sarif", "copy.jsonl", "test.jsonl"])
def test_a_log_takes_no_place_of_data(call: Call, wrong: Path, log: str) -> None:
    before = wrong.read_bytes()
    (wrong.parent / "link.sarif").symlink_to(wrong)
    (wrong.parent / "test.jsonl").write_bytes(before)
    outcome = call("check", wrong, "--sarif", log, "--fix", "--out", "copy.jsonl", "--against", "test.jsonl")
    assert outcome.code == 2
    assert f"{log.removeprefix('./')} is not free for a log" in outcome.err
    assert wrong.read_bytes() == (wrong.parent / "test.jsonl").read_bytes() == before


def test_a_mended_copy_comes_with_its_ledger_and_a_report_on_it(call: Call, messy: Path) -> None:
    before = messy.read_bytes()
    outcome = call("check", messy, "--fix", "--out", "clean.jsonl")
    assert outcome.code == 1
    head, left = outcome.out.split("left in clean.jsonl:\n")
    assert "  LD901  exact-duplicate" in head
    assert "clean.jsonl:3: error LD101 " in left
    assert "LD901" not in left
    assert messy.read_bytes() == before
    assert names(messy.parent) == {"messy.jsonl", "clean.jsonl", "clean.ledger.jsonl"}


def test_the_exit_code_of_mending_is_that_of_the_copy(call: Call, repeated: Path) -> None:
    assert call("check", repeated, "--strict").code == 1
    assert call("check", repeated, "--strict", "--fix", "--out", "clean.jsonl").code == 0


def test_mending_in_json_has_its_counts_beside_the_report(call: Call, repeated: Path) -> None:
    document = call("check", repeated, "--fix", "--out", "clean.jsonl", "--json").document
    assert document["mending"] == {
        "source": str(repeated),
        "ledger": "clean.ledger.jsonl",
        "mended": {"LD901": 1},
        "discarded": {},
        "dropped": 1,
        "lost": 0,
    }
    assert document["file"] == "clean.jsonl"
    assert document["summary"]["rows"] == 60


def test_a_copy_without_the_rows_that_cannot_be_trained_on(call: Call, messy: Path) -> None:
    outcome = call("check", messy, "--fix", "--redact", "--drop", "--out", "clean.jsonl")
    assert outcome.code == 0
    assert " rows that cannot be trained on\n" in outcome.out.split("left in clean.jsonl:\n")[0]
    assert ", 0 errors, " in outcome.out.splitlines()[-1]
    assert call("split", "clean.jsonl", "--out", "data").code == 0


def test_what_is_not_selected_is_not_mended(call: Call, repeated: Path) -> None:
    call("check", repeated, "--fix", "--out", "clean.jsonl", "--ignore", "LD901")
    assert (repeated.parent / "clean.jsonl").read_text() == repeated.read_text()


def test_redaction_goes_alone_or_with_fixes(call: Call, tmp_path: Path) -> None:
    row = {
        "messages": [{"role": "user", "content": "I am jane.doe@posteo.de\x01"}, {"role": "assistant", "content": "y"}]
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    contents = {}
    for options in (("--redact",), ("--fix", "--redact"), ("--fix",)):
        call("check", "a.jsonl", *options, "--out", "b.jsonl", "--force")
        contents[options] = json.loads((tmp_path / "b.jsonl").read_text())["messages"][0]["content"]
    assert list(contents.values()) == ["I am [EMAIL_1]\x01", "I am [EMAIL_1]", "I am jane.doe@posteo.de"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--fix"], "--out wrong.clean.jsonl"),
        (["--redact"], "--out wrong.clean.jsonl"),
        (["--drop"], "--out wrong.clean.jsonl"),
        (["--out", "x.jsonl"], "--fix, --redact or --drop"),
        (["--fix", "--out", "wrong.jsonl", "--force"], "wrong.jsonl is read here"),
        (["--fix", "--out", "taken.jsonl"], "--force"),
        (["--fix", "--out", "taken.jsonl", "--against", "taken.jsonl", "--force"], "taken.jsonl is read here"),
        (["--select", "LD999"], "did you mean"),
        (["--ignore", "emtpy-answer"], "did you mean empty-answer"),
        (["--against", "nothing.jsonl"], "nothing.jsonl: no such file"),
        (["--base", "smolm2-135m"], "did you mean smollm2-135m"),
        (["--map", "usr=question"], "usr"),
    ],
)
def test_a_wrong_call_is_refused_with_a_way_out(call: Call, wrong: Path, options: list[str], says: str) -> None:
    (wrong.parent / "taken.jsonl").write_text("mine")
    before = names(wrong.parent)
    outcome = call("check", wrong, *options)
    assert outcome.code == 2
    assert outcome.out == ""
    assert says in outcome.err
    assert names(wrong.parent) == before
    assert (wrong.parent / "taken.jsonl").read_text() == "mine"


def test_a_test_set_that_the_file_overlaps_is_found(call: Call, repeated: Path) -> None:
    rows = repeated.read_text().splitlines()
    (repeated.parent / "test.jsonl").write_text("\n".join(rows[7:9]))
    outcome = call("check", repeated, "--against", "test.jsonl", "--json")
    assert outcome.code == 1
    tested = [finding for finding in outcome.document["findings"] if finding["code"] == "LD911"]
    assert [(finding["line"], finding["related_line"], finding["related_file"]) for finding in tested] == [
        (8, 1, "test.jsonl"),
        (9, 2, "test.jsonl"),
    ]
    assert outcome.document["profile"]["overlaps"] == 2


def test_rows_that_do_not_fit_a_base_are_found(call: Call, repeated: Path, tiny_base: Base) -> None:
    long = {"messages": [{"role": "user", "content": "long " * 5000}, {"role": "assistant", "content": "yes"}]}
    repeated.write_text(repeated.read_text() + json.dumps(long) + "\n")
    outcome = call("check", repeated, "--base", tiny_base.name, "--json")
    assert "LD501" in outcome.document["counts"]
    assert outcome.document["profile"]["tokens"]["too_long"] == 1
    assert "tokens, 90% up to" in call("check", repeated, "--base", tiny_base.name).out


def test_a_table_is_checked_by_its_columns_and_its_mended_copy_is_in_openais_format(call: Call, tmp_path: Path) -> None:
    rows = "".join(f"question {number},answer {number}\n" for number in range(60))
    (tmp_path / "a.csv").write_text(f"q,a\n{rows}question 3,answer 3\n")
    columns = ("--map", "user=q", "--map", "assistant=a")
    assert call("check", "a.csv").code == 1
    document = call("check", "a.csv", *columns, "--fix", "--out", "b.jsonl", "--sarif", "b.sarif", "--json").document
    assert document["mending"]["mended"] == {"LD901": 1}
    assert document["summary"]["examples"] == 60
    assert call("check", "b.jsonl").code == 0


def test_every_rule_is_explained_and_listed(call: Call) -> None:
    rules = call("check", "--list-rules", "--json").document["rules"]
    assert [rule["code"] for rule in rules] == [rule.code for rule in ALL_RULES]
    for rule in rules:
        assert list(rule) == KEYS
        assert all(text for key, text in rule.items() if key not in ("example", "fix"))  # an empty file's is empty
    for word in (rules[0]["code"].lower(), rules[0]["name"]):
        assert call("check", "--explain", word, "--json").document == rules[0]


def test_an_explanation_reads_well(call: Call) -> None:
    lines = call("check", "--explain", "LD107").out.splitlines()
    assert lines[:3] == ["LD107 blank-line (info, file)", "", "A line with nothing but white space."]
    assert lines[-1] == "fix: leaves the line out"
    assert not any(line.startswith("fix:") for line in call("check", "--explain", "LD203").out.splitlines())


def test_all_rules_are_listed(call: Call) -> None:
    lines = call("check", "--list-rules").out.splitlines()
    assert len(lines) == len(ALL_RULES) + 1
    assert any(line.startswith("LD602  email-address") and " redact " in line for line in lines)


GARBAGE = (b"", b"\0\xff" * 9, b"\n" * 500, b"[" * 9999, b'{"messages": 7}\n"', b"a,b\n1\n")


@pytest.mark.parametrize("content", GARBAGE, ids=lambda content: repr(content[:9]))
def test_garbage_ends_in_findings_or_one_error(call: Call, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "garbage.jsonl").write_bytes(content)
    for options in ((), ("--json",), ("--sarif", "a.sarif"), ("--fix", "--redact", "--out", "b.jsonl", "--force")):
        outcome = call("check", "garbage.jsonl", *options)
        assert outcome.code == 1
        assert "Traceback" not in outcome.out + outcome.err


def test_a_hundred_thousand_findings_stay_readable(home_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "blank.jsonl").write_text("\n" * 100_000)
    outcome = call_process(home_folder, "check", str(tmp_path / "blank.jsonl"))
    lines = outcome.out.splitlines()
    assert outcome.code == 1
    assert len(lines) < 20
    assert "info LD107 blank-line: 100,000 findings" in lines
    assert lines[-1].startswith("0 rows, 1 error, 0 warnings, 100,000 infos")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the file is Linux's")
def test_a_pipe_is_checked_but_not_mended(home_folder: Path, repeated: Path) -> None:
    text = repeated.read_text()
    outcome = call_process(home_folder, "check", "-", input=text)
    assert outcome.code == 0
    assert "/dev/stdin:61: warning LD901" in outcome.out
    assert "--out" not in outcome.out
    refused = call_process(
        home_folder, "check", "/dev/stdin", "--fix", "--out", str(home_folder / "b.jsonl"), input=text
    )
    assert refused.code == 2
    assert "can be read only once" in refused.err


def test_a_rule_that_would_not_run_cannot_be_all_that_is_asked_for(call: Call, orders: Path) -> None:
    outcome = call("check", orders, "--select", "LD504")
    assert outcome.code == 2
    assert "add --base NAME" in outcome.err


def test_a_log_never_takes_the_place_of_a_ledger_or_of_a_test_set(call: Call, repeated: Path, tmp_path: Path) -> None:
    clean, ledger = tmp_path / "clean.jsonl", tmp_path / "clean.ledger.jsonl"
    assert call("check", repeated, "--fix", "--out", clean, "--sarif", ledger).code == 2
    assert call("split", repeated, "--out", tmp_path / "sides").code == 0
    before = (tmp_path / "sides" / "test.jsonl").read_bytes()
    outcome = call("check", repeated, "--against", tmp_path / "sides", "--sarif", tmp_path / "sides" / "test.jsonl")
    assert outcome.code == 2
    assert (tmp_path / "sides" / "test.jsonl").read_bytes() == before


def test_a_mended_copy_is_not_offered_to_be_mended_again(call: Call, repeated: Path, tmp_path: Path) -> None:
    assert "add --fix" in call("check", repeated).out
    assert "add --fix" not in call("check", repeated, "--fix", "--out", tmp_path / "clean.jsonl").out
