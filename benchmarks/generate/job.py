"""What an engine is told before its first turn; on disk between two processes whose libraries differ.

Free of every library, as is what answers it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """`ids` are the tokens of `messages`; all engines but Luthier take the tokens. `answer_tokens` is the exact length
    of the answer, which no engine may end earlier: the model's end token is one that it never says."""

    ids: list[int]
    answer_tokens: int
    messages: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """`rows` are the held-out job, `streams` are answered one at a time; `options` are the engine's own."""

    model: str
    rows: list[Row]
    streams: list[Row]
    folder: str
    options: dict[str, Any] = field(default_factory=dict)

    def write(self) -> Path:
        """Into its own folder, which it makes."""
        path = Path(self.folder) / "job.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path


def read_job(path: str) -> Job:
    values = json.loads(Path(path).read_text(encoding="utf-8"))
    rows, streams = ([Row(**row) for row in values.pop(name)] for name in ("rows", "streams"))
    return Job(rows=rows, streams=streams, **values)
