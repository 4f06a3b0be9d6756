"""What the ledger of a mended file promises, put to use: its changes taken back, one by one."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

STEP = re.compile(r'\[(\d+|"(?:[^"\\]|\\.)*")\]|\.?([^.\[]+)')


def read_jsonl(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def undo_change(row: Any, change: dict[str, Any]) -> Any:
    """The row before the change; it is changed in place where it is not replaced."""
    steps = [json.loads(index) if index else name for index, name in STEP.findall(change["path"])]
    if not steps:
        return change["before"]
    holder = row
    for step in steps[:-1]:
        holder = holder[step]
    if "before" in change:
        holder[steps[-1]] = change["before"]
    else:
        del holder[steps[-1]]
    return row
