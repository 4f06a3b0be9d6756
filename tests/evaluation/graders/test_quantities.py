from __future__ import annotations

import json
from decimal import Decimal

import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.quantities import find_number, parse_tolerance, read_json_number
from luthier.evaluation.graders.strict_json import parse_json


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", "42"),
        ("The answer is 42.", "42"),
        ("-3.50 EUR", "-3.50"),
        ("−3", "-3"),
        ("$1,234.50", "1234.50"),
        ("1.234,50 €", "1234.50"),
        ("1,234", "1234"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1,5", "1.5"),
        ("0,125", "0.125"),
        (".5", "0.5"),
        ("1e3", "1000"),
        ("12%", "12"),
        ("31kg", "31"),
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, number: str) -> None:
    assert find_number(text) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["", "none", "3 or 4", "2024-03-04", "1.2.3", "1,23,4", "v2", "1,234.5.6", "9" * 101, "1e99999", "10-20"]
)
def test_what_could_be_two_numbers_or_none_is_none(text: str) -> None:
    assert find_number(text) is None


def test_a_json_number_is_as_it_was_written() -> None:
    assert read_json_number(parse_json("0.1")) == Decimal("0.1")
    assert read_json_number(10**40 + 1) == Decimal(10**40 + 1)
    assert [read_json_number(value) for value in json.loads('[true, "1", null, [], {}]')] == [None] * 5


@pytest.mark.parametrize(
    ("tolerance", "got", "wanted", "is_allowed"),
    [
        ("0.01", "31.01", "31.00", True),
        ("0.01", "31.011", "31.00", False),
        ("0", "31.0", "31", True),
        ("0", "31.0000001", "31", False),
        ("1%", "101", "100", True),
        ("1%", "101.1", "100", False),
        ("1%", "-99", "-100", True),
        ("1%", "0.001", "0", False),
    ],
)
def test_the_limit_itself_is_near_enough(tolerance: str, got: str, wanted: str, is_allowed: bool) -> None:
    assert parse_tolerance(tolerance).allows(Decimal(got), Decimal(wanted)) is is_allowed


def test_large_numbers_are_not_rounded() -> None:
    assert not parse_tolerance("0.5").allows(Decimal(10**60), Decimal(10**60 + 1))


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "%", "1e999999999", "-1%"])
def test_a_tolerance_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfig):
        parse_tolerance(text)


@pytest.mark.parametrize("text", ["0.01", "1%", "2.5%", "5"])
def test_a_tolerance_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_tolerance(text)) == text
