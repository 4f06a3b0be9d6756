"""Definitions of tools are counted by name."""

from __future__ import annotations

import json

from luthier.data.answers.tools import MOST_LISTS, ToolDefinitions


def write_tools(**parameters: str) -> str:
    functions = [{"name": name, "parameters": {"required": [key]}} for name, key in parameters.items()]
    return json.dumps([{"type": "function", "function": function} for function in functions])


def test_rows_are_counted_by_name_and_definition() -> None:
    tools = ToolDefinitions()
    tools.add(write_tools(now="zone", day="date"), 1)
    tools.add(write_tools(now="zone"), 2)
    tools.add(write_tools(now="tz"), 3)
    tools.add(write_tools(now="zone"), 4)
    assert [list(seen.lines) for seen in tools.sightings["now"].values()] == [[1, 2, 4], [3]]
    assert [list(seen.lines) for seen in tools.sightings["day"].values()] == [[1]]


def test_nothing_is_said_about_tools_that_differ_from_row_to_row() -> None:
    tools = ToolDefinitions()
    for number in range(MOST_LISTS + 2):
        tools.add(write_tools(now=str(number)), number + 1)
    assert not tools.is_open
