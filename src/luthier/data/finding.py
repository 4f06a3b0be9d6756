"""A rule's statement about a file: what is wrong, on which line, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`line` counts from 1 and is None when it is about the file; `message` names neither file nor line."""

    code: str
    severity: Severity
    line: int | None
    message: str
    hint: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self, file_name: str) -> str:
        """`orders.jsonl:17: the last message is from user`, as editors and terminals link it."""
        place = file_name if self.line is None else f"{file_name}:{self.line}"
        return f"{place}: {self.message}"
