"""What is wrong with rows becomes sentences: one for all that are wrong alike, so that a thousand fill no screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LINES_NAMED = 10


class RowProblem(NamedTuple):
    line: int
    text: str


def phrase_problems(file: object, problems: Iterable[RowProblem]) -> list[str]:
    """`orders.jsonl:17: no answer` as editors link it, or `orders.jsonl:3, 8 and 12: no answer`, the first ten lines
    of many; in the order of the lines, for who mends them goes through the file from its top."""
    lines: dict[str, list[int]] = {}
    for line, text in sorted(problems, key=lambda problem: problem.line):
        lines.setdefault(text, []).append(line)
    return [f"{file}:{_name_lines(each)}: {text}" for text, each in lines.items()]


def _name_lines(lines: Sequence[int]) -> str:
    named = [str(line) for line in lines[:LINES_NAMED]]
    more = len(lines) - len(named)
    if more:
        named.append(f"{more} more {'row' if more == 1 else 'rows'}")
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
