"""A row of a format in the form in which it would be written."""

from __future__ import annotations

from typing import Any

from luthier.data.formats.registry import find_format


def to_openai(name: str, row: dict[str, Any]) -> dict[str, Any]:
    form = find_format(name)
    assert form.matches(row)
    return form.to_openai(row)


def say(*contents: Any) -> list[dict[str, Any]]:
    """Turns of user and assistant."""
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(contents)]


SYSTEM = {"role": "system", "content": "Be brief."}
