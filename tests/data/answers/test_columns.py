"""Columns of answers say what rules need, and nothing in an answer stops them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.conversation import Conversation, Message, ToolCall
from luthier.data.answers.columns import AnswerColumns
from luthier.data.answers.forms import Form
from luthier.data.dataset import Example
from luthier.data.facts import describe_table
from luthier.data.lint import balance, consistency, fields, forms
from luthier.data.lint.table import Table
from tests.data.rows import sound_examples
from tests.data.tables import fill_table, talk

SNIPS = Path(__file__).parents[4] / "shared" / "data" / "snips.jsonl"

RULES = (
    consistency.ConflictingAnswers(), consistency.OddSystemPrompt(), consistency.OddTool(),
    forms.OddAnswerKind(), forms.OddFence(), forms.OddWrapper(), forms.OddLength(), forms.OddScript(),
    fields.OddAnswerKeys(), fields.OddValueType(), fields.OddLabel(), fields.OddDateNotation(),
    fields.OddNumberNotation(),
    balance.DominantLabel(), balance.RareLabel(), balance.NoMissingValue(), balance.RepeatedPrompts(),
)  # fmt: skip

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["2024-05-04", "1,5", "Yes", "yes "])
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "total", "totl", "a"]) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
TEXT = st.text(max_size=30) | st.text(alphabet='{}[]",:`~ \nSure!12.', max_size=30)
ANSWERS = TEXT | JSON.map(json.dumps) | JSON.map(lambda value: f"```json\n{json.dumps(value)}\n```")


def columns_of(*conversations: Conversation) -> AnswerColumns:
    columns = AnswerColumns()
    for line, conversation in enumerate(conversations, 1):
        columns.add(Example(conversation, line))
    return columns


def test_every_row_has_an_entry_in_every_column() -> None:
    call = ToolCall("c1", "now", '{"zone": "UTC"}')
    columns = columns_of(
        talk("a", {"b": 1}), talk("c", "words"), talk("d", call), talk("e", '```\n{"b": 1}\n```', system="")
    )
    assert list(columns.forms) == [Form.JSON, Form.TEXT, Form.TOOL_CALL, Form.FENCED_JSON]
    assert list(columns.lengths) == [8, 5, 0, 16]
    assert list(columns.prompt_lengths) == [8, 8, 8, 1]
    assert list(columns.positions) == [3, 3, 3, 2]
    lengths = {len(column) for column in (columns.meanings, columns.rejections, columns.scripts.answered)}
    assert lengths == {4}


def test_the_meaning_of_an_answer_is_not_its_spacing_nor_the_id_of_its_call() -> None:
    calls = [ToolCall("c1", "now", '{"a": 1}'), ToolCall("c2", "now", '{"a":1}'), ToolCall("c3", "now", '{"a":2}')]
    first, second, other = columns_of(*(talk("a", call) for call in calls)).meanings
    assert first == second != other
    first, second, other = columns_of(talk("a", '{"b": 1}'), talk("a", ' {"b":1}\n'), talk("a", '{"b":"1"}')).meanings
    assert first == second != other


def test_answers_are_json_when_nearly_all_of_those_in_words_are() -> None:
    rows = [talk(str(number), {"a": number}) for number in range(9)]
    calls = [talk("call", ToolCall("c1", "now", "{}"))] * 5
    assert columns_of(*rows, *calls, talk("a", "words")).are_json
    assert not columns_of(*rows[1:], talk("a", "words")).are_json
    assert not columns_of().are_json


@pytest.mark.skipif(not SNIPS.is_file(), reason="the requests to a voice assistant are not part of the product")
def test_real_requests_have_one_value_that_is_odd_indeed() -> None:
    """Thirty-nine optional slots, values copied as people said them, and in one row a list among texts."""
    table = Table(minimum=10)
    for example in sound_examples(SNIPS):
        table.add(example)
    found = [(finding.line, finding.message) for rule in RULES for finding in rule.check(table)]
    assert found == [(496, "'slots.restaurant_type' is a list, and text in 45 others")]


def test_turns_and_tools_are_counted() -> None:
    user, assistant = Message("user", "a"), Message("assistant", "b")
    tools = json.dumps([{"type": "function", "function": {"name": "now"}}])
    columns = columns_of(Conversation((user, assistant, user, assistant)), talk("a", "b", tools=tools))
    assert (columns.multi_turn_count, columns.tool_count) == (1, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(ANSWERS, min_size=1, max_size=6), st.integers(1, 30))
def test_no_answer_stops_a_rule_or_the_facts(answers: list[str], repeats: int) -> None:
    rows = [talk(str(number), answer) for number, answer in enumerate(answers * repeats)]
    table = fill_table(rows)
    found = [finding for rule in RULES for finding in rule.check(table)]
    assert all(finding.line is None or 1 <= finding.line <= len(rows) for finding in found)
    assert all(finding.line is None or finding.message_index in (None, 1, 3) for finding in found)
    json.dumps(describe_table(table), allow_nan=False)
