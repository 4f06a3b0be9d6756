"""What holds for every rule about rows: it survives any row, spares sound files, and mends what it says it mends."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import luthier
from luthier.data.formats.openai_chat import Row, view_row
from luthier.data.formats.openai_preference import view_pair
from luthier.data.lint.registry import PAIR_RULES, ROW_RULES
from luthier.data.mending.redaction import redact_row

if TYPE_CHECKING:
    from luthier.data.finding import Finding
    from luthier.data.lint.rule import Rule

CASES = Path(__file__).parent / "cases"
ORDERS = Path(luthier.__file__).parent / "data" / "examples" / "orders.jsonl"
MENDING = [rule for rule in (*ROW_RULES, *PAIR_RULES) if rule.fix]

texts = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["user", "assistant", "tool", "system", "{}", '{"a": [1', "```", "a@b.de", "+49 1512 3456789", "\\n", "[Name]"]
    ),
    st.text(alphabet="\x00\x1b[Ã©â€\u200b\u202e&amp;\\n{}[]()`<|>$@+0123456789 ", max_size=60),
)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts)
KEYS = (
    "role content name weight tool_calls tool_call_id function_call id type function arguments parameters properties "
    "required text messages tools other"
)
keys = st.sampled_from(KEYS.split())
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=15,
)
messages = st.lists(
    st.one_of(
        values,
        st.fixed_dictionaries(
            {
                "role": st.sampled_from(["user", "assistant", "system", "tool", "function"]),
                "content": st.one_of(texts, values),
            },
            optional={
                "tool_calls": values,
                "tool_call_id": leaves,
                "weight": leaves,
                "name": leaves,
                "function_call": values,
            },
        ),
    ),
    max_size=4,
)
chats = st.fixed_dictionaries(
    {"messages": st.one_of(messages, values)},
    optional={"tools": values, "functions": values, "metadata": values, "parallel_tool_calls": leaves, "other": values},
)
pairs = st.fixed_dictionaries(
    {"input": st.one_of(values, chats)},
    optional={"preferred_output": st.one_of(messages, values), "non_preferred_output": messages, "metadata": values},
)
thoroughly = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def find_all(rules: tuple[Rule[Row], ...] | list[Rule[Row]], row: dict[str, Any]) -> list[Finding]:
    views = [view_row(1, row)] if "messages" in row else [*view_pair(1, row)]
    found = [finding for rule in rules if rule in ROW_RULES for view in views for finding in rule.check(view)]
    if "messages" not in row:
        found += [finding for rule in rules if rule in PAIR_RULES for finding in rule.check(view_row(1, row))]
    return list(dict.fromkeys(found))


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def bad_rows(rule: Rule[Row]) -> list[dict[str, Any]]:
    rows = read_rows(CASES / rule.code / "bad.jsonl")
    return [row for row in rows if find_all([rule], row)]


@thoroughly
@given(chats)
def test_no_rule_raises_on_any_chat(row: dict[str, Any]) -> None:
    try_rules(row)


@thoroughly
@given(pairs)
def test_no_rule_raises_on_any_pair(row: dict[str, Any]) -> None:
    try_rules(row)


def try_rules(row: dict[str, Any]) -> None:
    before = copy.deepcopy(row)
    for finding in find_all([*ROW_RULES, *PAIR_RULES], row):
        assert finding.message
        assert len(finding.text) <= 80
    for rule in MENDING:
        mended = rule.mend(row)
        assert row == before, f"{rule.code} changed the row that it was given"
        assert mended is not None
        json.dumps(mended, allow_nan=False)
        assert rule.mend(mended) == mended, rule.code
    redacted = redact_row(row)
    assert redact_row(redacted) == redacted


@pytest.mark.parametrize("rule", MENDING, ids=lambda rule: rule.code)
def test_a_mended_row_is_found_no_more_and_no_worse(rule: Rule[Row]) -> None:
    """Some rules mend a part of what they find; one row of their case at least is mended whole."""
    left = []
    for row in bad_rows(rule):
        before = find_all([*ROW_RULES, *PAIR_RULES], row)
        mended = rule.mend(copy.deepcopy(row))
        assert mended is not None
        after = find_all([*ROW_RULES, *PAIR_RULES], mended)
        new = {finding.code for finding in after if finding.severity == "error"} - {finding.code for finding in before}
        assert not new, f"{rule.code} mended {row} into {mended}"
        left.append(sum(finding.code == rule.code for finding in after))
        assert left[-1] < sum(finding.code == rule.code for finding in before) or mended == row
    assert 0 in left


@pytest.mark.parametrize("rule", [rule for rule in MENDING if rule in ROW_RULES], ids=lambda rule: rule.code)
def test_what_is_mended_in_a_chat_is_mended_in_a_pair(rule: Rule[Row]) -> None:
    """In its input; a message alone says as much in one as in the other."""
    for row in bad_rows(rule):
        pair = {"input": row, "preferred_output": [], "non_preferred_output": []}
        mended = rule.mend(row)
        mended_pair = rule.mend(pair)
        assert mended is not None
        assert mended_pair is not None
        assert mended_pair["input"].get("messages") == mended.get("messages")


def test_the_built_in_file_has_no_findings() -> None:
    assert [finding for row in read_rows(ORDERS) for finding in find_all(list(ROW_RULES), row)] == []


@pytest.mark.parametrize("rule", [*ROW_RULES, *PAIR_RULES], ids=lambda rule: rule.code)
def test_a_finding_says_where_and_shows_what(rule: Rule[Row]) -> None:
    findings = [finding for row in bad_rows(rule) for finding in find_all([rule], row)]
    assert findings
    for finding in findings:
        named = re.search(r"\bmessage (\d+)", finding.message)
        assert named is None or int(named[1]) == finding.message_index
