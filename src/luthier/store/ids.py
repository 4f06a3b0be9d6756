"""A moment becomes an id that sorts by it, so that a list can go on after a row that is gone meanwhile."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

# Digits before lower-case letters, and nothing else: in this order they sort under every collation of a database.
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MOMENT_DIGITS = 10  # microseconds since 1970 fit until the year 2085
OWN_DIGITS = 14  # 72 random bits


def new_id(prefix: str, moment: datetime) -> str:
    """`prefix` and 24 digits; later moments sort after earlier ones."""
    return prefix + _write_moment(moment) + "".join(secrets.choice(DIGITS) for _ in range(OWN_DIGITS))


def derive_id(prefix: str, moment: datetime, seed: str) -> str:
    """As `new_id`, and the same for the same moment and seed: for work that may be killed and done again."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest())
    return prefix + _write_moment(moment) + _write_number(number, OWN_DIGITS)


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` could be such an id; nothing else from outside need ever reach a database or become a path."""
    return re.fullmatch(f"{re.escape(prefix)}[0-9a-z]{{{MOMENT_DIGITS + OWN_DIGITS}}}", text) is not None


def _write_moment(moment: datetime) -> str:
    # Seconds as a float would lose the last microsecond.
    return _write_number(int(moment.timestamp()) * 1_000_000 + moment.microsecond, MOMENT_DIGITS)


def _write_number(number: int, length: int) -> str:
    """The last `length` digits to the base 36."""
    written = ""
    for _ in range(length):
        number, digit = divmod(number, len(DIGITS))
        written = DIGITS[digit] + written
    return written
