"""The text of an answer goes in as it is decoded, what its reader may see comes out, and in the end the calls in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from luthier.conversation import ToolCall
    from luthier.engine.tools.tool_format import ToolFormat


class FinishedText(NamedTuple):
    """`rest` is what was held back and turned out to be no call; all that was shown, and `rest`, is `content`."""

    rest: str
    content: str
    tool_calls: tuple[ToolCall, ...]


class AnswerReader:
    """Without a format nothing is held back. With one, no part of a call is ever shown, nor white space before it."""

    def __init__(self, tool_format: ToolFormat | None, tools: str = "", *, most_calls: int | None = None) -> None:
        """Calls beyond `most_calls` are dropped."""
        self._format = tool_format
        self._tools = tools
        self._most_calls = most_calls
        self._text = ""
        self._shown = 0

    def add(self, text: str) -> str:
        """What may be shown now, which may be empty."""
        self._text += text
        end = len(self._text) if self._format is None else self._find_end(self._format)
        fresh = self._text[self._shown : end]
        self._shown += len(fresh)
        return fresh

    def finish(self) -> FinishedText:
        """Once, when the last text was added."""
        if self._format is None:
            return FinishedText("", self._text, ())
        content, calls = self._format.parse(self._text, self._tools)
        return FinishedText(content[self._shown :], content, calls[: self._most_calls])

    def _find_end(self, tool_format: ToolFormat) -> int:
        marker = tool_format.hold_back
        if not marker:
            return 0 if _may_begin_call(self._text.lstrip(), tool_format.prelude) else len(self._text)
        found = self._text.find(marker, max(0, self._shown - len(marker)))
        if found >= 0:
            return len(self._text[:found].rstrip())
        begun = next((size for size in range(len(marker) - 1, 0, -1) if self._text.endswith(marker[:size])), 0)
        return len(self._text[: len(self._text) - begun].rstrip())


def _may_begin_call(text: str, prelude: str) -> bool:
    """Where calls have no marker an answer is one from its first bracket on, or none."""
    return text[:1] in ("", "{", "[") or text.startswith(prelude[: len(text)] or "{")
