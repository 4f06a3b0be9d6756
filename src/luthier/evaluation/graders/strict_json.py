"""Text goes in, the one value that it means comes out; whatever two parsers may read differently is refused."""

from __future__ import annotations

import json
import math
from typing import Any

DEEPEST_NESTING = 100  # levels; no order or form needs more, and it keeps recursion over the value safe


class NotStrictJson(ValueError):
    """Its text says what and where."""


class WrittenFloat(float):
    """A number that remembers how it was written, so that 31.00 is shown as 31.00."""

    written: str

    def __new__(cls, written: str) -> WrittenFloat:
        number = super().__new__(cls, written)
        if not math.isfinite(number):
            raise NotStrictJson(f"the number {written[:40]} is too large")
        number.written = written
        return number


def parse_json(text: str) -> Any:
    """Raises NotStrictJson for a key that occurs twice, NaN or Infinity, text after the value, endless nesting."""
    try:
        value = json.loads(
            text, object_pairs_hook=build_object, parse_constant=refuse_constant, parse_float=WrittenFloat
        )
    except json.JSONDecodeError as error:
        raise NotStrictJson(describe_decode_error(error)) from error
    except RecursionError as error:
        raise NotStrictJson(f"nested more than {DEEPEST_NESTING} levels deep") from error
    except NotStrictJson:
        raise
    except ValueError as error:  # an integer of more digits than Python converts
        raise NotStrictJson("a number with too many digits") from error
    check_depth(value)
    return value


def describe_decode_error(error: json.JSONDecodeError) -> str:
    if not error.doc.strip():
        return "the text is empty"
    if error.msg == "Extra data":
        return f"text after the value, at line {error.lineno} column {error.colno}"
    return f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno} column {error.colno}"


def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key, value in pairs:
        if key in built:
            raise NotStrictJson(f"the key {json.dumps(key, ensure_ascii=False)} occurs twice")
        built[key] = value
    return built


def refuse_constant(name: str) -> Any:
    raise NotStrictJson(f"{name} is not a JSON number")


def check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST_NESTING):
        level = [inner for outer in level for inner in children_of(outer)]
        if not level:
            return
    raise NotStrictJson(f"nested more than {DEEPEST_NESTING} levels deep")


def children_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
