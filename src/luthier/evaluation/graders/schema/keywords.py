"""The keywords of a JSON schema as jsonschema checks them, with RE2 for its patterns and a count of what it all costs.

Python's own patterns can take for ever on one line of text, and references can double the work at each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from luthier.evaluation.graders.patterns import compile_pattern, is_found

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_STEPS = 50_000  # a second or two

EXTEND: Any = extend  # is not typed by the library's stubs

Keyword = Callable[[Any, Any, Any, Any], "Iterable[ValidationError] | None"]


class TooCostly(Exception):
    """One answer takes more than MOST_STEPS to check."""


class Budget:
    """Is spent by all checkers that come from one class, so by one answer at a time."""

    def __init__(self) -> None:
        self.left = MOST_STEPS

    def spend(self, steps: int) -> None:
        """Raises TooCostly."""
        self.left -= steps
        if self.left < 0:
            raise TooCostly


def limit_validator(dialect: Any, budget: Budget) -> Any:
    """The same dialect; its checks raise TooCostly when the budget is spent."""
    own: dict[str, Keyword] = {
        **dialect.VALIDATORS,
        "pattern": check_pattern,
        "patternProperties": check_pattern_properties,
        "additionalProperties": check_additional_properties,
    }
    counted = {name: count_steps(name, check, budget) for name, check in own.items()}
    return EXTEND(dialect, counted)


def count_steps(name: str, check: Keyword, budget: Budget) -> Keyword:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget.spend(find_cost(name, value, instance))
        yield from check(validator, value, instance, schema) or ()

    return counted


def find_cost(name: str, value: Any, instance: Any) -> int:
    """In steps of about the same time. Unlike items are told apart by comparing each with each, sixteen at a step."""
    size = len(instance) if isinstance(instance, list | dict) else 1
    if name == "uniqueItems":
        return 1 + size * size // 16
    if name == "patternProperties":
        return 1 + size * len(value)
    return 1 + (len(value) if name == "enum" else size // 16)


def check_pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not is_found(compile_pattern(pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def check_pattern_properties(
    validator: Any, patterns: dict[str, Any], instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, inner in patterns.items():
            compiled = compile_pattern(pattern)
            for key, value in instance.items():
                if is_found(compiled, key):
                    yield from validator.descend(value, inner, path=key, schema_path=pattern)


def check_additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    patterns = [compile_pattern(pattern) for pattern in schema.get("patternProperties", ())]
    known = schema.get("properties", {})
    for key, value in instance.items():
        if key not in known and not any(is_found(pattern, key) for pattern in patterns):
            if allowed is False:
                yield ValidationError(f"the key {key!r} is not allowed")
            else:
                yield from validator.descend(value, allowed, path=key)
