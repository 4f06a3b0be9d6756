"""What every rule has: its words, and a check of one subject, which is a line, a row or the whole table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from luthier.data.finding import Finding, Severity, cut_text, write_unseen
from luthier.data.mending.redaction import redact_text
from luthier.data.sensitive.secret_search import may_hold_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

Subject = TypeVar("Subject")

LONGEST_LOOKED_AT = 400
"""Characters of a text; more than a finding shows of it."""

SHOWN_AROUND = 30
"""Characters on each side of a place that a finding shows."""


class Rule(ABC, Generic[Subject]):
    """A new rule is one such class in the file of its family and one line in `registry.py`.

    Its docstring says what it finds; `example` is input that it finds. A finding may bring a hint of its own.
    `fix` says what `check --fix` does about it, and is "" when that is for a person to decide. A rule about rows
    that `needs_answer` is not asked about reinforcement rows, which have none. One that `judges_answer` is not asked
    about rejected answers, which are meant to be bad. What a rule that `is_privacy` finds is for `check --redact`.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = "error"
    why: ClassVar[str]
    example: ClassVar[str]
    hint: ClassVar[str]
    fix: ClassVar[str] = ""
    needs_answer: ClassVar[bool] = False
    judges_answer: ClassVar[bool] = False
    is_privacy: ClassVar[bool] = False

    @abstractmethod
    def check(self, subject: Subject) -> Iterator[Finding]: ...

    @property
    def finds(self) -> str:
        return cleandoc(type(self).__doc__ or "")

    def mend(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """A mended copy of a row in which the rule found something; None drops the row. Only rules with `fix` mend."""
        return row

    def finding(
        self,
        line: int | None,
        message: str,
        *,
        at: int | None = None,
        text: str = "",
        related: int | None = None,
        hint: str = "",
    ) -> Finding:
        """`at` is the message of the row, from 1; `text` what it is about; `related` the line of the other row."""
        return Finding(
            self.code, self.severity, line, message, hint or self.hint, at, _show_text(text), related_line=related
        )


def _show_text(text: str) -> str:
    """A linter that copies secrets into logs would be a leak itself."""
    start = text[:LONGEST_LOOKED_AT]
    return cut_text(redact_text(start, ("secret",)).text if may_hold_secret(start) else text)


def quote(value: object, *, longest: int = 40) -> str:
    """A value of the file inside a message: escaped, and cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def show_around(text: str, index: int) -> str:
    """The passage around a place in a text, with what cannot be seen written as an escape."""
    return write_unseen(text[max(index - SHOWN_AROUND, 0) : index + SHOWN_AROUND])
