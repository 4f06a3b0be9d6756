from __future__ import annotations

from typing import Any

import pytest

from luthier.evaluation.graders.fields.comparators import is_right
from luthier.evaluation.graders.fields.rules import Rule
from luthier.evaluation.graders.strict_json import parse_json


@pytest.mark.parametrize(
    ("rule", "got", "wanted", "right"),
    [
        ({}, 31, parse_json("31.00"), True),
        ({}, "31", 31, False),
        ({}, True, 1, False),
        ({}, None, "", False),
        ({}, "Rome", "rome", False),
        ({"ignore_case": True}, "Rome", "rome", True),
        ({"ignore_case": True}, " rome", "rome", False),
        ({"ignore_space": True}, " New\n York ", "New York", True),
        ({"compare": "number"}, "31.00 EUR", 31, True),
        ({"compare": "number", "tolerance": 0.01}, parse_json("31.01"), 31, True),
        ({"compare": "number", "tolerance": 0.01}, parse_json("31.02"), 31, False),
        ({"compare": "number"}, "n/a", "n/a", True),
        ({"compare": "number"}, "n/a", "none", False),
        ({"compare": "number"}, [31], 31, False),
        ({"compare": "date"}, "March 4, 2024", "2024-03-04", True),
        ({"compare": "date"}, "2024-04-03", "2024-03-04", False),
        ({"compare": "date"}, "03/04/2024", "2024-03-04", False),
        ({"compare": "date", "order": "month_first"}, "03/04/2024", "2024-03-04", True),
        ({"compare": "date"}, 20240304, "2024-03-04", False),
        ({"compare": "similarity", "at_least": 0.8}, "red lamps", "red lamp", True),
        ({"compare": "similarity", "at_least": 0.8}, "desk", "red lamp", False),
        ({"compare": "similarity"}, 3, "3", False),
    ],
)
def test_values_are_right_by_the_rule_of_their_field(rule: dict[str, Any], got: Any, wanted: Any, right: bool) -> None:
    assert is_right(got, wanted, Rule(**rule)) is right


@pytest.mark.parametrize(
    ("got", "wanted"), [("2024-04-03", "2024-03-04"), ("1000.00", "100.00"), ("do not refund", "do refund")]
)
def test_what_is_nearly_the_same_text_is_not_nearly_right(got: str, wanted: str) -> None:
    assert not is_right(got, wanted, Rule())
    assert is_right(got, wanted, Rule(compare="similarity", at_least=0.75))
