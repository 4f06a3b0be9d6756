"""A stream of server-sent events in a test becomes the objects that it holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

START, END = "data: ", "[DONE]"


def read_events(answer: httpx2.Response) -> list[dict[str, Any]]:
    """Everything between the status and the end, which has to be there; comments are left out."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    frames = [frame for frame in answer.text.split("\n\n") if frame.startswith(START)]
    *chunks, last = [frame.removeprefix(START) for frame in frames]
    assert last == END
    return [json.loads(chunk) for chunk in chunks]
