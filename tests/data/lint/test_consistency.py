"""Rows that contradict one another, or are told something else than the rest."""

from __future__ import annotations

import json

from luthier.conversation import ToolCall
from luthier.data.lint.consistency import ConflictingAnswers, OddSystemPrompt, OddTool
from tests.data.tables import fill_table, find_lines, find_messages, ordered, talk

USUAL = (
    "Extract the order as JSON. Write the total as a number, the date as month and day, and null for what is not said."
)


def told(*systems: str) -> list:
    return [talk(f"question {number}", f"answer {number}", system=system) for number, system in enumerate(systems)]


def test_every_later_row_that_answers_otherwise_is_told_of_the_first() -> None:
    answers = ["4", "four", "4", "5"]
    table = fill_table(talk("2 + 2?", answer) for answer in answers)
    found = ordered(ConflictingAnswers().check(table))
    assert [(finding.line, finding.related_line, finding.message_index) for finding in found] == [(2, 1, 3), (4, 1, 3)]


def test_the_same_answer_in_other_spacing_is_no_conflict() -> None:
    calls = [ToolCall("c1", "now", '{"a": 1}'), ToolCall("c9", "now", '{"a":1}')]
    rows = [talk("when?", call) for call in calls] + [talk("2 + 2?", answer) for answer in ("4", " 4\n")]
    assert find_lines(ConflictingAnswers(), fill_table(rows)) == []


def test_several_answers_to_most_prompts_are_a_plan_and_said_once() -> None:
    rows = [talk(f"question {number % 30}", f"answer {number}") for number in range(90)]
    (finding,) = ConflictingAnswers().check(fill_table(rows))
    assert finding.line is None
    assert finding.message == "30 of 30 prompts have several different answers"


def test_two_pairs_conflict_when_one_turns_the_other_around() -> None:
    preferred, rejected = ["a", "b", "b", "a"], ["b", "c", "a", "d"]
    table = fill_table((talk("which?", answer) for answer in preferred), rejected=rejected)
    found = ordered(ConflictingAnswers().check(table))
    assert [(finding.line, finding.related_line) for finding in found] == [(3, 1)]


def test_a_system_prompt_shows_where_it_differs() -> None:
    table = fill_table(told(*[USUAL] * 30, USUAL.replace("null for", "nothing for")))
    (message,) = find_messages(OddSystemPrompt(), table)
    assert message == (
        "the system prompt is '...month and day, and nothing for what is not said.', "
        "where 30 of 31 rows have '...month and day, and null for what is not said.'"
    )


def test_a_missing_system_prompt_is_told_from_a_different_one() -> None:
    table = fill_table(told(*["Reply in French."] * 30, "", "Be a pirate."))
    assert find_messages(OddSystemPrompt(), table) == [
        "the row has no system prompt, and 30 of 32 rows have the same one",
        "the system prompt is 'Be a pirate.', where 30 of 32 rows have 'Reply in French.'",
    ]
    assert [finding.message_index for finding in ordered(OddSystemPrompt().check(table))] == [None, 1]


def test_a_system_prompt_among_rows_without_one_is_odd() -> None:
    (message,) = find_messages(OddSystemPrompt(), fill_table(told(*[""] * 30, "Be brief.")))
    assert message == "the row has a system prompt, and 30 of 31 rows have none"


def test_another_task_with_rows_of_its_own_is_no_slip() -> None:
    table = fill_table(told(*[USUAL] * 95, *["Translate into French."] * 5))
    assert find_lines(OddSystemPrompt(), table) == []


def test_the_same_task_in_other_words_is_a_slip_however_many_rows_have_it() -> None:
    table = fill_table(told(*[USUAL] * 95, *[USUAL.replace("total", "sum")] * 5))
    assert find_lines(OddSystemPrompt(), table) == [96, 97, 98, 99, 100]


def test_system_prompts_that_differ_from_row_to_row_are_not_compared() -> None:
    assert find_lines(OddSystemPrompt(), fill_table(told(*(f"Today is day {n}." for n in range(1200))))) == []


def offer(*keys: str) -> str:
    tools = [{"name": f"tool{number}", "parameters": {"required": [key]}} for number, key in enumerate(keys)]
    return json.dumps([{"type": "function", "function": tool} for tool in tools])


def test_a_tool_that_is_defined_otherwise_is_found_with_a_row_that_is_usual() -> None:
    offers = [*[offer("zone")] * 30, offer("tz"), offer("zone", "x")]
    table = fill_table(talk(str(number), "done", tools=tools) for number, tools in enumerate(offers))
    (finding,) = OddTool().check(table)
    assert (finding.line, finding.related_line) == (31, 1)
    assert finding.message == "the tool 'tool0' is defined otherwise than in 31 rows, such as line 1"


def test_tools_of_many_sources_share_names_and_nothing_else() -> None:
    table = fill_table(talk(str(n), "done", tools=offer(f"key{n % 10}")) for n in range(60))
    assert find_lines(OddTool(), table) == []
