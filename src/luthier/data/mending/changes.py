"""What a file's rows were and what they became: one JSON object for each change, in the order in which they were made.

Taken in the opposite order, and put back, the changes give the rows of the source again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Action = Literal["changed", "dropped", "redacted"]


class Absence(Enum):
    """What a key that is not there holds; it is left out of the ledger, so that null can be told from nothing."""

    ABSENT = auto()


ABSENT = Absence.ABSENT


@dataclass(frozen=True, slots=True)
class Change:
    """`line` is that of the source. `path` leads to the value in the row, as in `messages[0].content`; "" is the row.

    `code` is that of the rule; "" where no rule asked for the change. Of what was redacted there is `kind` and
    `mark`, and never a value.
    """

    line: int
    code: str
    action: Action
    path: str = ""
    before: Any = ABSENT
    after: Any = ABSENT
    kind: str = ""
    mark: str = ""

    def to_json(self, *, shows_values: bool) -> dict[str, Any]:
        entry: dict[str, Any] = {"line": self.line, "code": self.code, "action": self.action, "path": self.path}
        if self.action == "redacted":
            return {**entry, "kind": self.kind, "mark": self.mark}
        values = {"before": self.before, "after": self.after} if shows_values else {}
        return {**entry, **{key: value for key, value in values.items() if value is not ABSENT}}


class Difference(NamedTuple):
    path: str
    before: Any
    after: Any


def find_differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """The smallest values in which two JSON values differ; lists of different lengths differ as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from find_differences(before.get(key, ABSENT), after.get(key, ABSENT), _step_into(path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from find_differences(old, new, f"{path}[{index}]")
    elif type(before) is not type(after) or before != after:
        yield Difference(path, before, after)


def number_lines(draft: Path, ledger: Path, *, find_line: Callable[[int], int | None]) -> None:
    """Writes a draft again with `new_line`, where each row stands in the end; null when it was dropped."""
    with draft.open(encoding="utf-8") as entries, ledger.open("w", encoding="utf-8", newline="\n") as file:
        for text in entries:
            entry = json.loads(text)
            line = entry.pop("line")
            file.write(json.dumps({"line": line, "new_line": find_line(line), **entry}, ensure_ascii=False) + "\n")


def _step_into(path: str, key: str) -> str:
    if not key.isidentifier():
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key
