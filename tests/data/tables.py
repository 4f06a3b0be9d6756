"""Tables of conversations that are made up here, for the tests of rules that look at a whole file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luthier.conversation import Conversation, Message, ToolCall
from luthier.data.dataset import Example
from luthier.data.lint.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luthier.data.finding import Finding
    from luthier.data.lint.rule import Rule


def talk(question: str, answer: Any, *, system: str = "Answer.", tools: str = "") -> Conversation:
    """An answer that is no text is written as JSON; a ToolCall is called."""
    calls = (answer,) if isinstance(answer, ToolCall) else ()
    text = "" if calls else answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    head = (Message("system", system),) if system else ()
    return Conversation((*head, Message("user", question), Message("assistant", text, tool_calls=calls)), tools)


def fill_table(conversations: Iterable[Conversation], *, rejected: Iterable[str] = ()) -> Table:
    """In lines from 1 on; with `rejected` answers, the rows are preferences."""
    table = Table(minimum=10)
    others = iter(rejected)
    for line, conversation in enumerate(conversations, 1):
        other = next(others, None)
        table.row_count += 1
        table.add(Example(conversation, line, None if other is None else Message("assistant", other)))
    return table


def table_of(answers: Iterable[Any]) -> Table:
    """One row for each answer, each with a prompt of its own in which no answer is to be found."""
    return fill_table(talk(f"Question #{number}?", answer) for number, answer in enumerate(answers))


def find_lines(rule: Rule[Table], table: Table) -> list[int | None]:
    """In order; a row that is found twice stands there twice."""
    return sorted((finding.line for finding in rule.check(table)), key=lambda line: line or 0)


def find_messages(rule: Rule[Table], table: Table) -> list[str]:
    return [finding.message for finding in ordered(rule.check(table))]


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.line or 0)
