from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.conversation import ToolCall
from luthier.errors import InvalidConfig
from luthier.evaluation.graders.grading import grade_one
from luthier.evaluation.graders.protocol import Output, prepare_grader
from luthier.evaluation.graders.tools import ToolsGrader, parse_tools
from tests.evaluation.graders.samples import build_sample

if TYPE_CHECKING:
    from pathlib import Path

FLIGHT = ToolCall("1", "find_flight", '{"to": "Rome", "day": "2024-03-04", "seats": 2}')


def test_each_argument_is_a_field() -> None:
    got = ToolCall("2", "find_flight", '{"to": "rome", "seats": 2, "class": "first"}')
    grade = grade_one(ToolsGrader(), Output("Of course", (got,)), build_sample("", reference_calls=(FLIGHT,)))
    assert not grade.passed
    assert {(field.path, field.kind) for field in grade.fields} == {
        ("find_flight", "right"),
        ("find_flight.to", "wrong"),
        ("find_flight.day", "omitted"),
        ("find_flight.seats", "right"),
        ("find_flight.class", "invented"),
    }
    assert grade.score == pytest.approx(2 * 2 / (4 + 4))


def test_rules_say_how_an_argument_is_compared(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(
        'fields."find_flight.to" = {ignore_case = true}\nfields."find_flight.day" = {compare = "date"}'
    )
    sample = build_sample("", reference_calls=(FLIGHT,))
    got = ToolCall("2", "find_flight", '{"to": "ROME", "day": "March 4, 2024", "seats": 2}')
    grader = prepare_grader(parse_tools(str(tmp_path / "rules.toml")), [sample])
    assert grade_one(grader, Output("", (got,)), sample).passed
    assert not grade_one(ToolsGrader(), Output("", (got,)), sample).passed


def test_a_rule_for_an_argument_that_no_call_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('fields."find_flight.too" = {ignore_case = true}')
    with pytest.raises(InvalidConfig, match=r"no reference has a field 'find_flight.too'") as refused:
        prepare_grader(parse_tools(str(tmp_path / "rules.toml")), [build_sample("", reference_calls=(FLIGHT,))])
    assert "find_flight.to" in refused.value.hint


def test_where_no_call_is_wanted_none_may_come() -> None:
    sample = build_sample("Hello")
    assert grade_one(ToolsGrader(), Output("Whatever"), sample).passed
    grade = grade_one(ToolsGrader(), Output("Hello", (FLIGHT,)), sample)
    assert not grade.passed
    assert grade.explanation == "find_flight is called too, which the reference does not"
    assert {field.kind for field in grade.fields} == {"invented"}
