"""How one chat template writes tool calls: finds them in answers, and demands them by a grammar."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from luthier.conversation import ToolCall
from luthier.engine.tools.call_grammar import write_calls, write_text_or_calls
from luthier.engine.tools.offer import read_offer
from luthier.errors import InvalidRequest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from luthier.engine.protocol import ToolChoice
    from luthier.engine.structure.sources import GrammarSource
    from luthier.engine.tools.call_grammar import CallWriting
    from luthier.engine.tools.call_syntax import CallSyntax, WrittenCalls


class ParsedAnswer(NamedTuple):
    """`content` is what is not part of a call."""

    content: str
    tool_calls: tuple[ToolCall, ...]


@dataclass(frozen=True)
class ToolFormat:
    """`control_tokens` are those that calls are marked with, by their text: an answer is decoded with them to be read.

    `writing` is None where no grammar can demand calls. With `has_short_ids` the template refuses ids of another form
    than nine letters and digits. A `prelude` may stand before calls, and says nothing.
    """

    syntax: CallSyntax
    writing: CallWriting | None
    control_tokens: Mapping[str, int]
    has_short_ids: bool = False
    prelude: str = ""

    @property
    def hold_back(self) -> str:
        """No text from here on may be shown before the answer is parsed; empty where only its form tells a call."""
        return self.syntax.marker

    def make_id(self) -> str:
        return secrets.token_hex(5)[:9] if self.has_short_ids else f"call_{secrets.token_hex(12)}"

    def parse(self, text: str, tools: str, *, make_id: Callable[[], str] | None = None) -> ParsedAnswer:
        """Whatever a model writes: what is no complete call stays in the content.

        As in the OpenAI API a call may name a function that was not offered, and its arguments need not follow the
        schema; but where calls have no marker, only an offered name tells a call from an answer in JSON.
        """
        parameters = {function.name: function.parameters for function in read_offer(tools)}
        make_id = make_id or self.make_id
        outside: list[str] = []
        calls: list[ToolCall] = []
        position = 0
        for start in self._find_starts(text):
            written = self.syntax.read_calls(text, start, parameters) if start >= position else None
            if written is None or not (self.hold_back or _is_nothing_but_offered(text, written, parameters)):
                continue
            outside.append(text[position : start if self.hold_back else 0])
            calls += [ToolCall(call.id or make_id(), call.name, call.arguments) for call in written.calls]
            position = written.end
        outside.append(text[position:])
        return ParsedAnswer(_join_outside(outside), tuple(calls))

    def demand(self, tools: str, tool_choice: ToolChoice, *, is_single: bool = False) -> GrammarSource:
        """One call of the named function, or for `required` one call or more of any, each as its schema says.

        Raises InvalidRequest for a name that is not offered, and InvalidStructure for strict parameters that no grammar
        can guarantee.
        """
        offered = read_offer(tools)
        chosen = [function for function in offered if tool_choice in ("required", function.name)]
        if not chosen:
            raise InvalidRequest(
                f"the tool choice {tool_choice!r} names no tool that is offered",
                hint=did_you_mean(tool_choice, [*(function.name for function in offered), "auto", "none", "required"]),
            )
        if self.writing is None:
            raise InvalidRequest(
                "a call cannot be demanded in the form in which this chat template writes calls",
                hint="leave it to the model: the tool choice auto",
            )
        is_single = is_single or tool_choice != "required"
        return write_calls(self.writing, chosen, self.control_tokens, is_single=is_single)

    def allow(self, tools: str, *, is_single: bool = False) -> GrammarSource | None:
        """Text, or calls each as its schema says, where a function demands so whenever it is called; None where none
        does.

        Raises InvalidStructure as `demand` does, and InvalidRequest where no grammar tells calls from text.
        """
        offered = read_offer(tools)
        if not any(function.is_strict for function in offered):
            return None
        marker, source = self.hold_back, None
        if self.writing is not None:
            source = write_text_or_calls(self.writing, offered, self.control_tokens, marker=marker, is_single=is_single)
        if source is None:
            raise InvalidRequest(
                "strict functions cannot be guaranteed in the form in which this chat template writes calls",
                hint="leave out strict, and check the arguments of each call",
            )
        return source

    def _find_starts(self, text: str) -> Iterator[int]:
        if not self.hold_back:
            yield len(self.prelude) if text.startswith(self.prelude) else 0
            return
        start = text.find(self.hold_back)
        while start >= 0:
            yield start
            start = text.find(self.hold_back, start + 1)


def _is_nothing_but_offered(text: str, written: WrittenCalls, offered: Mapping[str, object]) -> bool:
    return not text[written.end :].strip() and all(call.name in offered for call in written.calls)


def _join_outside(parts: list[str]) -> str:
    """Without the white space that calls stand in; text without calls stays as it is."""
    if len(parts) == 1:
        return parts[0]
    kept = [parts[0].rstrip(), *(part.strip() for part in parts[1:])]
    return "\n".join(part for part in kept if part)
