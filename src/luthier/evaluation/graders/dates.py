"""A text goes in, the day that it names comes out."""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
DAY = r"([0-3]?[0-9])(?:st|nd|rd|th)?"
YEAR = r"([0-9]{4})"

YEAR_FIRST = re.compile(r"(?<![\w/.-])([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9/.-]*[0-9])")
YEAR_LAST = re.compile(r"(?<![\w/.-])([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})(?![0-9/.-]*[0-9])")
DAY_MONTH = re.compile(rf"(?<!\w){DAY}\s(?:of\s)?{MONTH}\.?,?\s{YEAR}(?!\w)", re.IGNORECASE)
MONTH_DAY = re.compile(rf"(?<!\w){MONTH}\.?\s{DAY},?\s{YEAR}(?!\w)", re.IGNORECASE)

DateOrder = Literal["day_first", "month_first"]


def find_date(text: str, *, order: DateOrder | None = None) -> date | None:
    """The only day that a text names; None when there is none, several, or one that cannot be read for sure.

    Reads 2024-03-04 (also with a time after it, which does not count), 2024/3/4, 04.03.2024 (day first), 4 March 2024
    and March 4, 2024, with English names. 03/04/2024 is read by `order`, and without it only where the order shows.
    """
    found: set[date | None] = set()
    for match in YEAR_FIRST.finditer(text):
        found.add(build_date(match[1], match[3], match[4]))
    for match in YEAR_LAST.finditer(text):
        found.add(read_year_last(match[1], match[3], match[4], order="day_first" if match[2] == "." else order))
    for match in DAY_MONTH.finditer(text):
        found.add(build_date(match[3], number_month(match[2]), match[1]))
    for match in MONTH_DAY.finditer(text):
        found.add(build_date(match[3], number_month(match[1]), match[2]))
    return found.pop() if len(found) == 1 else None


def read_year_last(first: str, second: str, year: str, *, order: DateOrder | None) -> date | None:
    by_day, by_month = build_date(year, second, first), build_date(year, first, second)
    if order is not None:
        return by_day if order == "day_first" else by_month
    if by_day is not None and by_month is not None and by_day != by_month:
        return None
    return by_day or by_month


def number_month(name: str) -> str:
    return str(MONTHS.index(name[:3].lower()) + 1)


def build_date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
