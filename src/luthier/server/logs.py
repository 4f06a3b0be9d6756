"""What the server's processes log becomes one JSON object a line, without keys, and without content unless asked."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from luthier.errors import LuthierError

if TYPE_CHECKING:
    from typing import TextIO

OWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "content",
    "color_message",
}
"""What logging itself puts into a record; `extra` adds the rest."""

SECRETS = re.compile(r"\b(sk-|whsec_|[Bb]earer )[A-Za-z0-9._~+/=-]{8,}")
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered, for every line that is logged on its behalf."""

QUIET = logging.WARNING
"""Other people's libraries tell at INFO what they send and to whom."""

TALKATIVE = ("luthier", "uvicorn.error")


def configure_logging(part: str, *, shows_content: bool = False, stream: TextIO | None = None) -> None:
    """For this whole process, which is the server's `part`: api, engine, worker or supervisor.

    `shows_content` is the setting `logs_content`. Prompts and answers are logged as `extra={"content": ...}` and
    nowhere else; without it they are left out, and so are the messages of exceptions that are not Luthier's own.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(part, shows_content=shows_content))
    logging.basicConfig(handlers=[handler], level=QUIET, force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(True)


class JsonLines(logging.Formatter):
    """Time is UTC in ISO 8601; what a caller gives as `extra` stands beside the message."""

    def __init__(self, part: str, *, shows_content: bool) -> None:
        super().__init__()
        self._part = part
        self._shows_content = shows_content

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "part": self._part,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := REQUEST_ID.get()) is not None:
            fields["request_id"] = request_id
        fields |= {name: value for name, value in record.__dict__.items() if name not in OWN_FIELDS}
        if self._shows_content and "content" in record.__dict__:
            fields["content"] = record.__dict__["content"]
        if record.exc_info and record.exc_info[1]:
            fields["exception"] = self._describe_exception(record.exc_info[1])
        return SECRETS.sub(r"\1...", json.dumps(fields, default=str))

    def _describe_exception(self, error: BaseException) -> str:
        """The cause first, as Python prints it; the message of an exception may quote what a client sent."""
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        before = f"{self._describe_exception(cause)}\nthen:\n" if cause is not None else ""
        frames = "".join(traceback.format_tb(error.__traceback__))
        is_shown = self._shows_content or isinstance(error, LuthierError)
        return f"{before}{frames}{type(error).__qualname__}{f': {error}' if is_shown else ''}"
