"""Two answers and what they answer, however much of it each of them repeats."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.data.formats.format import UnreadableRow
from tests.data.formats.conversions import SYSTEM, say, to_openai

PAIR = {
    "input": {"messages": say("a")},
    "preferred_output": [{"role": "assistant", "content": "b"}],
    "non_preferred_output": [{"role": "assistant", "content": "c"}],
}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"question": "a", "chosen": "b", "rejected": "c"},
        {"prompt": say("a"), "chosen": say("", "b")[1:], "rejected": say("", "c")[1:]},
        {"prompt": say("a"), "chosen": say("", "b")[1], "rejected": "c"},
        {"chosen": say("a", "b"), "rejected": say("a", "c")},
        {"prompt": "a", "chosen": say("a", "b"), "rejected": say("a", "c")},
        {"prompt": "a", "chosen": say("a", "b"), "rejected": say("a", "c"), "messages": say("a", "b")},
        {"messages": say("a"), "chosen": "b", "rejected": "c"},
    ],
)
def test_all_ways_to_write_a_pair_are_one_pair(row: dict[str, Any]) -> None:
    assert to_openai("trl_preference", row) == PAIR


def test_a_shared_beginning_of_several_turns_is_the_prompt() -> None:
    row = {"prompt": "a", "chosen": [SYSTEM, *say("a", "x", "y", "b")], "rejected": [SYSTEM, *say("a", "x", "y", "c")]}
    assert to_openai("trl_preference", row)["input"] == {"messages": [SYSTEM, *say("a", "x", "y")]}


def test_equal_answers_are_for_the_rules_to_find() -> None:
    row = {"chosen": say("a", "b"), "rejected": say("a", "b")}
    pair = to_openai("trl_preference", row)
    assert pair["preferred_output"] == pair["non_preferred_output"]
    assert pair["input"] == {"messages": say("a")}


def test_scores_and_system_prompts_are_kept() -> None:
    row = {"system": "Be brief.", "question": "a", "chosen": "b", "rejected": "c", "score_chosen": 8.5}
    expected = {**PAIR, "input": {"messages": [SYSTEM, *say("a")]}, "metadata": {"score_chosen": 8.5}}
    assert to_openai("trl_preference", row) == expected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"chosen": "b", "rejected": "c"}, "nothing says what chosen and rejected answer"),
        ({"prompt": "a", "chosen": None, "rejected": "c"}, "chosen is null"),
        ({"chosen": say("a", "b", "c", "d"), "rejected": say("a", "e", "f", "g")}, "not one answer each"),
        ({"prompt": "a", "chosen": [], "rejected": "c"}, "not one answer each"),
    ],
)
def test_what_is_no_pair_is_refused(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadableRow, match=reason):
        to_openai("trl_preference", row)
