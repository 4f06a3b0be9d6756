"""What every format has: a name, a way to recognise one of its rows, and the way from there to OpenAI's form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar


class UnreadableRow(Exception):
    """A row that is of a format and yet says too little to be converted; `check` turns it into a finding."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Format(ABC):
    """A new format is one such class in a file of its own and one line in `registry.py`."""

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def matches(self, fields: dict[str, Any]) -> bool:
        """Whether a row is of this format, by its keys and their types alone; whether it is sound is for the rules."""

    @abstractmethod
    def to_openai(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The same row in one of OpenAI's three forms; what these have no place for goes to `metadata`.

        Raises UnreadableRow.
        """
