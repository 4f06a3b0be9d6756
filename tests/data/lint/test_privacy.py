"""A finding about something private says where it is and never what it is."""

from __future__ import annotations

import json

import pytest

from luthier.data.formats.openai_chat import view_row
from luthier.data.lint.privacy import PRIVACY_RULES, hide_value
from luthier.data.lint.registry import ALL_RULES
from tests.data.rows import message

TOKEN = "ghp_1a2B3c4D5e6F7g8H9i0JkLmNoPqRsTuVwXyZ"
VALUES = {
    "LD601": (TOKEN, "hunter2-Kx9"),
    "LD602": ("jane.doe@posteo.de", "j.roe@gmail.com"),
    "LD603": ("+49 1512 3456789",),
    "LD604": ("4539 5787 6362 1486",),
    "LD605": ("DE89 3704 0044 0532 0130 00",),
    "LD606": ("93.184.216.34",),
}


@pytest.mark.parametrize("rule", PRIVACY_RULES, ids=lambda rule: rule.code)
def test_no_finding_gives_the_value_away(rule) -> None:
    for value in VALUES[rule.code]:
        row = view_row(1, {"messages": [message("user", f"The password: {value} is it, {value}.")]})
        findings = list(rule.check(row))
        assert len(findings) == 1
        shown = json.dumps(findings[0].to_json(), ensure_ascii=False)
        assert not any(value[start : start + 6] in shown for start in range(len(value) - 5))
        assert value.startswith(findings[0].text.rstrip("…"))


def test_one_finding_counts_all_values_of_a_message_and_names_what_they_are() -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"password": "hunter2-Kx9"})},
    }
    row = view_row(1, {"messages": [message("user"), message("assistant", f"Use {TOKEN}.", tool_calls=[call])]})
    (finding,) = PRIVACY_RULES[0].check(row)
    assert finding.message == "message 2 holds 2 secrets (GitHub token, password)"
    assert finding.message_index == 2


def test_plurals_are_english() -> None:
    row = view_row(1, {"messages": [message("user", "a.b@posteo.de, c.d@posteo.de")]})
    (finding,) = PRIVACY_RULES[1].check(row)
    assert finding.message == "message 1 holds 2 e-mail addresses"


def test_what_is_private_is_mended_on_request_alone() -> None:
    assert {rule.code for rule in ALL_RULES if rule.is_privacy} == {rule.code for rule in PRIVACY_RULES}
    assert all("--redact" in rule.fix for rule in PRIVACY_RULES)
    assert all(rule.severity != "error" for rule in PRIVACY_RULES)


@pytest.mark.parametrize(("value", "shown"), [(TOKEN, "ghp_…"), ("hunter2", "hu…"), ("abc", "ab…")])
def test_a_short_value_shows_less(value: str, shown: str) -> None:
    assert hide_value(value) == shown
