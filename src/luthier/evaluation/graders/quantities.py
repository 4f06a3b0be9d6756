"""A text or a JSON value goes in, the number that it means comes out, with how far two numbers may lie apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.strict_json import WrittenFloat

NUMBER = re.compile(r"(?<![\w.,])([-+−]?)([0-9]+(?:[.,][0-9]+)*|\.[0-9]+)([eE][-+]?[0-9]+)?")
LONGEST_NUMBER = 100  # characters; no quantity needs more, and arithmetic stays cheap
LONGEST_EXPONENT = 5  # characters, such as e-308
EXACT = Context(prec=2 * LONGEST_NUMBER)

HINT = "write it as number, number:0.01 or number:1%"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may lie from the reference, the limit included: in its own unit, or as a part of it."""

    amount: Decimal = Decimal(0)
    is_relative: bool = False

    def allows(self, got: Decimal, wanted: Decimal) -> bool:
        if not self.amount:
            return got == wanted
        allowed = EXACT.multiply(self.amount, abs(wanted)) if self.is_relative else self.amount
        return abs(EXACT.subtract(got, wanted)) <= allowed

    def __str__(self) -> str:
        return f"{EXACT.multiply(self.amount, Decimal(100)).normalize():f}%" if self.is_relative else f"{self.amount}"


NO_TOLERANCE = Tolerance()


def parse_tolerance(text: str) -> Tolerance:
    """`0.01` or `1%`. Raises InvalidConfig."""
    written = text.strip()
    is_relative = written.endswith("%")
    try:
        amount = Decimal(written.removesuffix("%"))
    except InvalidOperation as error:
        raise InvalidConfig(f"tolerance {text!r}: no number", hint=HINT) from error
    if not amount.is_finite() or amount < 0 or len(written) > LONGEST_NUMBER or abs(amount.adjusted()) > LONGEST_NUMBER:
        raise InvalidConfig(f"tolerance {text!r}: a tolerance is a number that is not negative", hint=HINT)
    return Tolerance(amount / 100, is_relative=True) if is_relative else Tolerance(amount)


def find_number(text: str) -> Decimal | None:
    """The only number in a text; None when there is none, several, or one that cannot be read for sure.

    1,234 and 1,234.5 have thousands, 1.234,5 and 1,5 a decimal comma, as people in different countries write. Units
    and words beside the number do not matter.
    """
    found = NUMBER.findall(text)
    if len(found) != 1 or sum(map(len, found[0])) > LONGEST_NUMBER:
        return None
    sign, digits, exponent = found[0]
    if len(exponent) > LONGEST_EXPONENT:
        return None
    plain = unify_separators(digits)
    return None if plain is None else Decimal(f"{sign.replace('−', '-')}{plain}{exponent}")


def read_json_number(value: Any) -> Decimal | None:
    """Of a JSON number, exactly as it is written; None for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(value.written) if isinstance(value, WrittenFloat) else Decimal(value)


def unify_separators(digits: str) -> str | None:
    """With a point alone, before the fraction; None where the groups make no sense."""
    marks = [character for character in digits if character in ".,"]
    if not marks or marks == ["."]:
        return digits
    last = marks[-1]
    if len(set(marks)) == 1:
        if len(marks) > 1 or has_thousands(digits, last):
            return digits.replace(last, "") if has_thousands(digits, last) else None
        return digits.replace(",", ".")
    if marks.count(last) > 1:
        return None
    whole, _, fraction = digits.rpartition(last)
    return f"{whole.replace(marks[0], '')}.{fraction}" if has_thousands(whole, marks[0]) else None


def has_thousands(digits: str, mark: str) -> bool:
    first, *groups = digits.split(mark)
    return 1 <= len(first) <= 3 and first != "0" and all(len(group) == 3 for group in groups)
