"""Two values without parts and the rule of their field go in, whether they mean the same comes out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from luthier.evaluation.graders.dates import find_date
from luthier.evaluation.graders.json_values import is_same_scalar
from luthier.evaluation.graders.quantities import find_number, read_json_number
from luthier.evaluation.graders.similarity.metrics import LONGEST_TEXT, measure_likeness

if TYPE_CHECKING:
    from luthier.evaluation.graders.fields.rules import Rule


def is_right(got: Any, wanted: Any, rule: Rule) -> bool:
    """A value that the rule cannot read, such as "n/a" for a number, is right only where it is exactly the same."""
    if is_same_scalar(got, wanted):
        return True
    match rule.compare:
        case "number":
            return is_same_number(read_number(got), read_number(wanted), rule)
        case "date":
            return is_same_day(got, wanted, rule)
        case "similarity":
            return are_texts(got, wanted) and is_alike(got, wanted, rule)
        case _:
            return are_texts(got, wanted) and clean_text(got, rule) == clean_text(wanted, rule)


def are_texts(got: Any, wanted: Any) -> bool:
    return isinstance(got, str) and isinstance(wanted, str)


def read_number(value: Any) -> Decimal | None:
    return find_number(value) if isinstance(value, str) else read_json_number(value)


def is_same_number(got: Decimal | None, wanted: Decimal | None, rule: Rule) -> bool:
    return got is not None and wanted is not None and rule.allowed.allows(got, wanted)


def is_same_day(got: Any, wanted: Any, rule: Rule) -> bool:
    if not are_texts(got, wanted):
        return False
    day = find_date(wanted, order=rule.order)
    return day is not None and find_date(got, order=rule.order) == day


def is_alike(got: str, wanted: str, rule: Rule) -> bool:
    if max(len(got), len(wanted)) > LONGEST_TEXT:
        return False
    return measure_likeness(rule.metric, got, wanted) >= rule.at_least


def clean_text(text: str, rule: Rule) -> str:
    cased = text.casefold() if rule.ignore_case else text
    return " ".join(cased.split()) if rule.ignore_space else cased
