"""Dates, times and numbers are read as every notation that they fit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.answers.notation import LONGEST_NOTATION, read_notation


def fits(text: str) -> set[str]:
    notation = read_notation(text)
    return set(notation.fits) if notation else set()


def test_kinds_are_told_apart() -> None:
    kinds = {text: notation.kind for text in ("2024-05-04", "15:30", "15.30") if (notation := read_notation(text))}
    assert kinds == {"2024-05-04": "date", "15:30": "time", "15.30": "number"}


@pytest.mark.parametrize(
    "text",
    [
        "", "tomorrow", "May", "007", "v1.2", "5 kg", "555-1234", "1990-2000", "2024-13-01", "32/13/2024", "25:00",
        "9:61",
        "1,23,45", "1.2.3", "--5", "$5€", "١٢", "²", "4 Maybe 2024", "12" * LONGEST_NOTATION, "half past 3",
    ],
)  # fmt: skip
def test_other_texts_are_in_no_notation(text: str) -> None:
    assert read_notation(text) is None


@pytest.mark.parametrize(
    ("text", "notations"),
    [
        ("2024-05-04", {"YYYY-MM-DD"}),
        ("2024-05", {"YYYY-MM-DD"}),
        ("2024/5/4", {"YYYY/M/D"}),
        ("04.05.2024", {"DD.MM.YYYY"}),
        ("4.5.2024", {"D.M.YYYY"}),
        ("14.11.24", {"D.M.YY", "DD.MM.YY"}),
        ("13/02/2024", {"DD/MM/YYYY"}),
        ("02/13/2024", {"MM/DD/YYYY"}),
        ("05-04", {"MM-DD", "DD-MM"}),
        ("May 4, 2024", {"Month D, YYYY", "Mon D, YYYY"}),
        ("June 4th", {"Month Dth"}),
        ("04 Jun 2024", {"DD Mon YYYY"}),
        ("4. May", {"D. Month", "D. Mon"}),
        ("2024-05-04T10:00:00Z", {"YYYY-MM-DDThh:mm:ssZ", "YYYY-MM-DDTh:mm:ssZ"}),
        ("2024-05-04 09:05", {"YYYY-MM-DD hh:mm"}),
        ("9:05", {"h:mm"}),
        ("09:05", {"hh:mm"}),
        ("3 pm", {"h am"}),
        ("3:30 P.M.", {"h:mm A.M."}),
        ("15:30+02:00", {"hh:mm+hh:mm", "h:mm+hh:mm"}),
    ],
)
def test_dates_and_times_fit_their_notations(text: str, notations: set[str]) -> None:
    assert fits(text) == notations


def test_a_date_that_may_begin_with_day_or_month_fits_both() -> None:
    assert fits("01/02/2024") == {"DD/MM/YYYY", "MM/DD/YYYY"}
    assert fits("01/02/2024") & fits("13/02/2024")
    assert fits("01/02/2024") & fits("02/13/2024")
    assert not fits("13/02/2024") & fits("02/13/2024")


@pytest.mark.parametrize(
    ("text", "alike", "unlike"),
    [
        ("1,234.50", ["1,234", "12.5", "7", "12,345,678"], ["1.234,50", "1234.50", "12,5", "$1,234.50", "1 234.50"]),
        ("1.234,50", ["1.234", "12,5", "7"], ["1,234.50", "1234,50", "12.5"]),
        ("1234.5", ["0.5", "-3.25", "12"], ["1,234", "1234,5", "50%"]),
        ("$12.50", ["$7", "€1,234.5"], ["12.50", "12.50 $", "$ 12.50", "USD 12.50"]),
        ("12 €", ["1.234,50 €", "7.5 $"], ["12€", "12 EUR", "€12"]),
        ("50%", ["7.5%"], ["50 %", "50", "0.5"]),
        ("1'234.50", ["1'234'567", "7"], ["1,234.50"]),
        ("1\u202f234,5", ["1 234,5"], ["1.234,5"]),
    ],
)
def test_numbers_are_written_alike_when_they_have_a_notation_in_common(
    text: str, alike: list[str], unlike: list[str]
) -> None:
    assert all(fits(text) & fits(other) for other in alike)
    assert not any(fits(text) & fits(other) for other in unlike)


@settings(deadline=None)
@given(st.dates())
def test_every_date_fits_the_notation_that_it_is_written_in(date) -> None:
    year = f"{date.year:04}"
    assert "DD.MM.YYYY" in fits(f"{date:%d}.{date:%m}.{year}")
    assert "YYYY-MM-DD" in fits(f"{year}-{date:%m}-{date:%d}")
    assert "Month D, YYYY" in fits(f"{date:%B} {date.day}, {year}")
    assert "D Mon YYYY" in fits(f"{date.day} {date:%b} {year}")


@settings(deadline=None)
@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_every_number_fits_the_notation_that_it_is_written_in(number) -> None:
    assert "1,234.5" in fits(f"{number:,}")
    assert "1234.5" in fits(f"{number}")
    assert "$1,234.5" in fits(f"${number:,}")
    assert "1.234,5" in fits(f"{number:,}".translate(str.maketrans(",.", ".,")))


@settings(deadline=None)
@given(st.text(alphabet="0123456789.,:/-' $€%apmTZ+Mayjun\n\u202f", max_size=45))
def test_no_text_stops_the_reading(text: str) -> None:
    read_notation(text)
