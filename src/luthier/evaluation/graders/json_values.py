"""A JSON value goes in, its kind, its text or its place in words comes out."""

from __future__ import annotations

import json
import re
from typing import Any

from luthier.evaluation.graders.strict_json import WrittenFloat

LONGEST_SHOWN_VALUE = 80  # characters; an explanation stays one line
PLAIN_KEY = re.compile(r"[^\W\d]\w*")


def kind_of(value: Any) -> str:
    """JSON's own six kinds: Python holds True and 1 for equal, JSON does not."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "list"


def is_same_scalar(got: Any, wanted: Any) -> bool:
    return kind_of(got) == kind_of(wanted) and bool(got == wanted)


def show_scalar(value: Any) -> str:
    return value.written if isinstance(value, WrittenFloat) else json.dumps(value, ensure_ascii=False)


def show_value(value: Any) -> str:
    """JSON text, cut with a visible ellipsis; a number as it was written."""
    text = show_scalar(value) if not isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN_VALUE else f"{text[:LONGEST_SHOWN_VALUE]}…"


def join_key(path: str, key: str) -> str:
    if not PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key
