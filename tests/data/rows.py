"""Rows and files of rows for the tests of this room."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luthier.data.check import check_file

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.dataset import Example
    from luthier.data.finding import Finding


def message(role: str, content: Any = "hello", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def row(*messages: Any, **fields: Any) -> str:
    return json.dumps({"messages": list(messages), **fields})


def ask(question: str, answer: str = "yes", *, system: str = "Answer.") -> str:
    return row(message("system", system), message("user", question), message("assistant", answer))


def many(count: int) -> list[str]:
    """Rows without any finding, and with different prompts."""
    return [ask(f"question {number}", f"answer {number}") for number in range(count)]


def write(path: Path, *lines: str | bytes) -> Path:
    encoded = [line.encode() if isinstance(line, str) else line for line in lines]
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path


def sound_examples(path: Path) -> list[Example]:
    """What is left of a file when its rows with errors are gone."""
    examples: list[Example] = []
    check_file(path, on_example=examples.append)
    return examples


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.code for finding in findings}
