"""A map says which columns hold what; the rest is kept aside."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.data.formats.columns import parse_column_map, suggest_map
from luthier.data.formats.format import UnreadableRow
from luthier.errors import UsageError
from tests.data.formats.conversions import SYSTEM, say


def convert(row: dict[str, Any], *texts: str) -> dict[str, Any]:
    columns = parse_column_map(texts)
    assert columns is not None
    return columns.to_openai(row)


def test_columns_become_messages_and_the_others_metadata() -> None:
    row = {"id": 7, "Frage": "a", "Antwort": "b", "Rolle": "Be brief.", "leer": None, "metadata": {"x": 1}}
    assert convert(row, "system=Rolle", "user=Frage", "assistant=Antwort") == {
        "messages": [SYSTEM, *say("a", "b")],
        "metadata": {"x": 1, "id": 7},
    }


def test_several_columns_make_paragraphs() -> None:
    row = {"context": "c", "none": None, "empty": "", "question": "a", "answer": "b"}
    texts = ("user=context", "user=none", "user=empty", "user=question", "assistant=answer")
    assert convert(row, *texts) == {"messages": say("c\n\na", "b")}


def test_cells_are_written_as_text() -> None:
    assert convert({"q": 7, "a": True}, "user=q", "assistant=a") == {"messages": say("7", "true")}
    assert convert({"q": 1.5, "a": {"ö": [1]}}, "user=q", "assistant=a") == {"messages": say("1.5", '{"ö": [1]}')}


def test_a_rejected_answer_makes_a_preference() -> None:
    assert convert({"q": "a", "good": "b", "bad": "c"}, "user=q", "assistant=good", "rejected=bad") == {
        "input": {"messages": say("a")},
        "preferred_output": [{"role": "assistant", "content": "b"}],
        "non_preferred_output": [{"role": "assistant", "content": "c"}],
    }


@pytest.mark.parametrize("dialog", [say("a", "b"), '[{"role": "user", "content": "a"}, {"from": "gpt", "value": "b"}]'])
def test_a_column_may_hold_messages(dialog: Any) -> None:
    row = {"dialog": dialog, "functions_json": '[{"name": "now"}]', "id": 7}
    assert convert(row, "messages=dialog", "tools=functions_json") == {
        "messages": say("a", "b"),
        "tools": [{"type": "function", "function": {"name": "now"}}],
        "metadata": {"id": 7},
    }


def test_a_rows_own_messages_go_before_the_answer() -> None:
    row = {"messages": say("a"), "reference_answer": "b"}
    assert convert(row, "assistant=reference_answer") == {"messages": say("a", "b")}


@pytest.mark.parametrize(
    ("row", "texts", "reason"),
    [
        ({"question": "a"}, ("user=question", "assistant=answer"), "the row has no column 'answer'"),
        ({"q": "a", "a": None}, ("user=q", "assistant=a"), "the column 'a' is empty here"),
        ({"a": "b"}, ("assistant=a",), "no messages, and no column is mapped to user"),
        ({"m": "hello"}, ("messages=m",), "messages is not JSON at column 1"),
        ({"m": '"hello"'}, ("messages=m",), "messages is not a list"),
        ({"m": [], "messages": []}, ("messages=m",), "a column 'messages' beside 'm'"),
    ],
)
def test_a_row_that_does_not_fit_the_map_is_refused(row: dict[str, Any], texts: tuple[str, ...], reason: str) -> None:
    with pytest.raises(UnreadableRow, match=reason):
        convert(row, *texts)


@pytest.mark.parametrize(
    ("texts", "reason", "hint"),
    [
        (["question"], "takes PART=COLUMN", "--map user=question --map assistant=answer"),
        (["user="], "takes PART=COLUMN", "--map user=question"),
        (["usr=question"], "'usr' is no part of a conversation", "did you mean user?"),
        (["user=question"], "does not say where the answer is", "add --map assistant=COLUMN"),
        (["messages=m", "rejected=r"], "does not say where the answer is", "add --map assistant=COLUMN"),
        (["messages=a", "messages=b"], "there can be one column only", "map one of them"),
    ],
)
def test_a_map_that_cannot_be_used_is_refused(texts: list[str], reason: str, hint: str) -> None:
    with pytest.raises(UsageError, match=reason) as refused:
        parse_column_map(texts)
    assert hint in refused.value.hint


def test_no_map_is_no_format() -> None:
    assert parse_column_map([]) is None


@pytest.mark.parametrize(
    ("columns", "suggestion"),
    [
        (["id", "question", "answer"], "--map user=question --map assistant=answer"),
        (["System Prompt", "system", "Query", "label"], "--map system=system --map user=Query --map assistant=label"),
        (["id", "customer question", "reply_text"], "--map 'user=customer question' --map assistant=reply_text"),
        (["a", "b"], "--map user=a --map assistant=b"),
        (["text"], "--map user=text --map assistant=COLUMN"),
        (["it's"], """--map 'user=it'"'"'s' --map assistant=COLUMN"""),
    ],
)
def test_a_suggestion_names_the_likeliest_columns(columns: list[str], suggestion: str) -> None:
    assert suggest_map(columns) == suggestion
