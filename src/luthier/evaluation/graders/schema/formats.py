"""The formats of a JSON schema that are checked; JSON Schema leaves it open, and all others are only notes."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING
from uuid import UUID

from jsonschema import FormatChecker

if TYPE_CHECKING:
    from collections.abc import Callable

ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
ISO_TIME = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})", re.IGNORECASE)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
HYPHENATED = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def build_format_checker() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, check in FORMATS.items():
        checker.checks(name, raises=ValueError)(accept_other_types(check))
    return checker


def accept_other_types(check: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or check(value)


def is_date(text: str) -> bool:
    return ISO_DATE.fullmatch(text) is not None and bool(date.fromisoformat(text))


def is_time(text: str) -> bool:
    """With its offset from UTC, as RFC 3339 wants it."""
    found = ISO_TIME.fullmatch(text)
    return found is not None and time.fromisoformat(text[:8]) is not None


def is_date_time(text: str) -> bool:
    day, _, rest = text.partition(text[10:11] if text[10:11] in ("T", "t", " ") else "T")
    return is_date(day) and is_time(rest) and datetime.fromisoformat(day) is not None


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": is_date,
    "time": is_time,
    "date-time": is_date_time,
    "email": lambda text: EMAIL.fullmatch(text) is not None,
    "uuid": lambda text: HYPHENATED.fullmatch(text) is not None and bool(UUID(text)),
    "ipv4": lambda text: bool(IPv4Address(text)) or True,
    "ipv6": lambda text: bool(IPv6Address(text)) or True,
}
