"""A text in, the notations of a date or of a time of day that it can be read as out; none when it is neither."""

from __future__ import annotations

import re

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip

NOTHING: frozenset[str] = frozenset()

_DATE_THEN_TIME = re.compile(r"(?P<date>.*\d)(?P<gap>T| |, )(?P<time>\d{1,2}:\d{2}.*)", re.ASCII)
_NUMERIC = re.compile(r"(\d{1,2}|\d{4})([-/.])(\d{1,2})(?:\2(\d{4}|\d{1,2}))?", re.ASCII)
_MONTH_FIRST = re.compile(r"([a-z]{3,9})(\.?) (\d{1,2})(st|nd|rd|th)?(?:(,?) (\d{4}))?", re.IGNORECASE | re.ASCII)
_DAY_FIRST = re.compile(
    r"(\d{1,2})(st|nd|rd|th|\.)?([ -])([a-z]{3,9})(\.?)(?:(,?)[ -](\d{4}))?", re.IGNORECASE | re.ASCII
)
_TIME = re.compile(
    r"(\d{1,2})(?::(\d{2}))?(?::(\d{2})(?:\.\d+)?)?(?:( ?)([ap]\.?m\.?))?(Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE | re.ASCII,
)


def read_date(text: str) -> frozenset[str]:
    """Patterns such as `DD.MM.YYYY`, `D.M.YYYY`, `Month D, YYYY`; with a time of day `YYYY-MM-DDThh:mm`.

    A year and a month (`2024-05`) is a shorter date of the same notation.
    """
    split = _DATE_THEN_TIME.fullmatch(text)
    if not split:
        return _read_day(text)
    days, times = _read_day(split["date"]), read_time(split["time"])
    return frozenset(f"{day}{split['gap']}{time}" for day in days for time in times)


def read_time(text: str) -> frozenset[str]:
    """Patterns such as `hh:mm`, `h:mm`, `h:mm am`, `hh:mm:ssZ`; an hour alone is a time only with am or pm."""
    match = _TIME.fullmatch(text)
    if not match or not (match[2] or match[5]):
        return NOTHING
    hour, minute, second, gap, half, zone = match.groups()
    if int(hour) > 24 or int(minute or 0) > 59 or int(second or 0) > 60:
        return NOTHING
    tail = (":mm" if minute else "") + (":ss" if second else "")
    tail += f"{gap}{half.replace('p', 'a').replace('P', 'A')}" if half else ""
    tail += "" if not zone else "Z" if zone in "Zz" else "+hh:mm" if ":" in zone else "+hhmm"
    return frozenset(f"{pad}{tail}" for pad in _pads(hour, "h"))


def _read_day(text: str) -> frozenset[str]:
    if match := _NUMERIC.fullmatch(text):
        first, sign, second, third = match.groups()
        is_year = len(first) == 4
        return _read_year_first(sign, second, third) if is_year else _read_numeric(first, sign, second, third)
    if match := _MONTH_FIRST.fullmatch(text):
        month, dot, day, ordinal, comma, year = match.groups()
        end = f"{comma} YYYY" if year else ""
        return _name_patterns(month, day, f"{{month}}{dot} {{day}}{'th' if ordinal else ''}{end}")
    if match := _DAY_FIRST.fullmatch(text):
        day, ordinal, gap, month, dot, comma, year = match.groups()
        end = f"{comma}{gap}YYYY" if year else ""
        mark = "" if not ordinal else "." if ordinal == "." else "th"
        return _name_patterns(month, day, f"{{day}}{mark}{gap}{{month}}{dot}{end}")
    return NOTHING


def _read_year_first(sign: str, month: str, day: str | None) -> frozenset[str]:
    if sign == "." or not _are_day_and_month(day or "1", month):
        return NOTHING
    return _pad_patterns("YYYY{sign}{a}{sign}{b}", sign, (month, "M"), (day or month, "D"))


def _read_numeric(first: str, sign: str, second: str, year: str | None) -> frozenset[str]:
    """Two numbers with a dot between them are a decimal, and nobody writes the month first with dots."""
    if (sign == "." and not year) or len(year or "00") == 1:
        return NOTHING
    end = f"{sign}{'Y' * len(year)}" if year else ""
    pattern = "{a}{sign}{b}" + end
    fits: frozenset[str] = NOTHING
    if _are_day_and_month(first, second):
        fits |= _pad_patterns(pattern, sign, (first, "D"), (second, "M"))
    if sign != "." and _are_day_and_month(second, first):
        fits |= _pad_patterns(pattern, sign, (first, "M"), (second, "D"))
    return fits


def _are_day_and_month(day: str, month: str) -> bool:
    return 1 <= int(day) <= 31 and 1 <= int(month) <= 12


def _pad_patterns(pattern: str, sign: str, a: tuple[str, str], b: tuple[str, str]) -> frozenset[str]:
    """Both parts with leading zeros, or both without; two digits above nine fit either."""
    widths = {len(pad) for pad in _pads(*a)} & {len(pad) for pad in _pads(*b)}
    return frozenset(pattern.format(sign=sign, a=a[1] * width, b=b[1] * width) for width in widths)


def _pads(digits: str, letter: str) -> tuple[str, ...]:
    if len(digits) == 1:
        return (letter,)
    return (letter * 2,) if digits[0] == "0" else (letter, letter * 2)


def _name_patterns(month: str, day: str, pattern: str) -> frozenset[str]:
    """`May` is both the full name and the short one."""
    name = month.casefold()
    if not 1 <= int(day) <= 31:
        return NOTHING
    names = [shown for shown, known in (("Month", MONTHS), ("Mon", [m[:3] for m in MONTHS])) if name in known]
    return frozenset(pattern.format(month=shown, day=pad) for shown in names for pad in _pads(day, "D"))
