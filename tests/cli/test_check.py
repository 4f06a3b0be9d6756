"""`check` lists findings as editors link them, each code's hint once, and all of them in JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from luthier.data.examples.orders import generate_rows
from luthier.data.lint.registry import ALL_RULES

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.lint.rule import Rule
    from tests.cli.conftest import Call


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """Thirty rows, of which the first 23 lack an answer."""
    path = tmp_path / "wrong.jsonl"
    rows = [{"messages": [{"role": "user", "content": f"hello {number}"}]} for number in range(23)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *generate_rows(12)]))
    return path


def test_a_sound_file_passes(call: Call, orders: Path) -> None:
    outcome = call("check", orders)
    assert outcome.code == 0
    assert "30 rows, 0 errors" in outcome.out.splitlines()[-1]


def test_findings_are_linked_and_capped_and_hinted_once(call: Call, wrong: Path) -> None:
    outcome = call("check", wrong)
    lines = outcome.out.splitlines()
    assert outcome.code == 1
    assert lines[0] == f"{wrong}:1: error LD207 the last message is from user"
    assert lines[1] == "  hint: end each example with an assistant message"
    assert sum(" LD207 the " in line for line in lines) == 20
    assert sum("end each example" in line for line in lines) == 1
    assert f"{wrong}: 3 more LD207" in lines
    assert "23 errors" in lines[-1]


def test_json_holds_every_finding(call: Call, wrong: Path) -> None:
    outcome = call("check", wrong, "--json")
    assert outcome.code == 1
    assert set(outcome.document) == {"file", "format", "findings", "summary"}
    findings = [finding for finding in outcome.document["findings"] if finding["code"] == "LD207"]
    assert [finding["line"] for finding in findings] == list(range(1, 24))
    assert {"code", "severity", "line", "message", "hint", "message_index", "text"} < set(findings[0])


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_every_rule_is_explained(call: Call, rule: Rule[Any]) -> None:
    outcome = call("check", "--explain", rule.code.lower(), "--json")
    assert list(outcome.document) == ["code", "name", "severity", "finds", "why", "example", "hint"]
    assert all(text for key, text in outcome.document.items() if key != "example")  # an empty file's is empty


def test_an_explanation_reads_well(call: Call) -> None:
    assert call("check", "--explain", "LD203").out.splitlines()[:3] == [
        "LD203 missing-role (error)",
        "",
        "A message that does not say who speaks.",
    ]
