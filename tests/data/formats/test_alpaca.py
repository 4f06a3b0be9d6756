"""Alpaca's instruction and input are one request; history and system go before, extra keys aside."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.data.formats.format import UnreadableRow
from tests.data.formats.conversions import SYSTEM, say, to_openai


@pytest.mark.parametrize("nothing", ["", None])
def test_an_input_is_a_second_paragraph_where_there_is_one(nothing: str | None) -> None:
    assert to_openai("alpaca", {"instruction": "Add.", "input": "1, 2", "output": "3"}) == {
        "messages": say("Add.\n\n1, 2", "3")
    }
    assert to_openai("alpaca", {"instruction": "Add.", "input": nothing, "output": "3"})["messages"] == say("Add.", "3")


def test_system_and_history_go_before_and_the_rest_aside() -> None:
    row = {
        "instruction": "Add.",
        "output": "3",
        "system": "Be brief.",
        "history": [["a", "b"], ["c", "d"]],
        "text": "Add. 3",
    }
    assert to_openai("alpaca", row) == {
        "messages": [SYSTEM, *say("a", "b", "c", "d", "Add.", "3")],
        "metadata": {"text": "Add. 3"},
    }


def test_dollys_names_are_known() -> None:
    row = {"instruction": "Who?", "context": "Ada wrote it.", "response": "Ada.", "category": "closed_qa"}
    assert to_openai("alpaca", row) == {
        "messages": say("Who?\n\nAda wrote it.", "Ada."),
        "metadata": {"category": "closed_qa"},
    }


def test_chosen_and_rejected_make_a_preference() -> None:
    row = {"instruction": "Add.", "input": "1, 2", "output": None, "chosen": "3", "rejected": "4"}
    assert to_openai("alpaca", row) == {
        "input": {"messages": say("Add.\n\n1, 2")},
        "preferred_output": [{"role": "assistant", "content": "3"}],
        "non_preferred_output": [{"role": "assistant", "content": "4"}],
    }


def test_numbers_are_written_as_text() -> None:
    row = {"instruction": "Add.", "input": 12, "output": 3.5}
    assert to_openai("alpaca", row)["messages"] == say("Add.\n\n12", "3.5")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"instruction": None, "output": "b"}, "instruction is null"),
        ({"instruction": "a", "output": None}, "output is null"),
        ({"instruction": "a", "input": ["b"], "output": "c"}, "not both text"),
        ({"instruction": "a", "history": [["b"]], "output": "c"}, "history is not a list of pairs"),
        ({"instruction": "a", "history": "b", "output": "c"}, "history is not a list of pairs"),
    ],
)
def test_what_cannot_be_understood_is_refused(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadableRow, match=reason):
        to_openai("alpaca", row)
