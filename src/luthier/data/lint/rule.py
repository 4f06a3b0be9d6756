"""What every rule has: its words, and a check of one subject, which is a line, a row or the whole table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from luthier.data.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.dataset import Example

Subject = TypeVar("Subject")


class Rule(ABC, Generic[Subject]):
    """A new rule is one such class in the file of its family and one line in `registry.py`.

    Its docstring says what it finds; `example` is input that it finds. A finding may bring a hint of its own.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = "error"
    why: ClassVar[str]
    example: ClassVar[str]
    hint: ClassVar[str]

    @abstractmethod
    def check(self, subject: Subject) -> Iterator[Finding]: ...

    @property
    def finds(self) -> str:
        return type(self).__doc__ or ""

    def finding(self, line: int | None, message: str, *, hint: str = "") -> Finding:
        return Finding(self.code, self.severity, line, message, hint or self.hint)


@dataclass(frozen=True, slots=True)
class Table:
    """A whole file: its readable examples, how many rows it has in all, and how few are too few."""

    examples: tuple[Example, ...]
    row_count: int
    minimum: int


def quote(value: object, *, longest: int = 40) -> str:
    """A value of the file inside a message: escaped, and cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
