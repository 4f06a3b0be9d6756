"""What a server sends of one answer, whole or part by part, becomes pieces for whoever reads along, and a response."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.conversation import ToolCall
from luthier.engine.protocol import Alternative, Piece, TokenLogProb
from luthier.engine.remote.failure import explain_nonsense
from luthier.engine.remote.payload import read_choices

if TYPE_CHECKING:
    from luthier.engine.answer import Answer
    from luthier.engine.protocol import FinishReason, Request
    from luthier.engine.remote.failure import Asked
    from luthier.engine.remote.wire import Choice, Completion, LogProbsPart, ToolCallPart, UsagePart

FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    # of text-generation-inference, which has words of its own
    "eos_token": "stop",
    "stop_sequence": "stop",
}


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class Draft:
    """One try at an answer. A refusal is what the model says, so it counts as text."""

    def __init__(self, ending: str = "") -> None:
        self.text = ""
        self.log_probs: list[TokenLogProb] = []
        self.ending = ending
        self.usage: UsagePart | None = None
        self.backend = ""
        self.has_refused = False
        self._calls: dict[int, _Call] = {}

    def add(self, completion: Completion) -> None:
        self.usage = completion.usage or self.usage
        self.backend = completion.system_fingerprint or self.backend
        for choice in completion.choices:
            if choice.index == 0:
                self._add_choice(choice)

    def _add_choice(self, choice: Choice) -> None:
        self.ending = choice.finish_reason or self.ending
        self.log_probs += read_log_probs(choice.logprobs)
        message = choice.delta or choice.message
        if message is None:
            return
        for position, part in enumerate(message.tool_calls or ()):
            self._add_call(part, position)
        self.text += (message.content or "") + (message.refusal or "")
        self.has_refused = self.has_refused or bool(message.refusal)

    def _add_call(self, part: ToolCallPart, position: int) -> None:
        """Some servers repeat id and name with every part: both are taken as they came last."""
        call = self._calls.setdefault(position if part.index is None else part.index, _Call())
        call.id = part.id or call.id
        call.name = part.function.name or call.name
        call.arguments += part.function.arguments or ""

    @property
    def finish_reason(self) -> FinishReason | None:
        """None for an ending that no API describes. Calls that were demanded end with `stop` on some servers."""
        reason = FINISH_REASONS.get(self.ending)
        return "tool_calls" if reason == "stop" and self._calls else reason

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        calls = [call for _, call in sorted(self._calls.items())]
        return tuple(ToolCall(call.id, call.name, call.arguments) for call in calls)


class Retelling:
    """Pieces that were told cannot be taken back: another try at the same answer has to begin as the first one did."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._told = ""
        self._told_log_probs = 0

    def tell(self, draft: Draft, asked: Asked) -> None:
        """Passes on what is new in the draft. Raises ExchangeFailed when it is not how the answer began."""
        known = len(self._told)
        if draft.text[:known] != self._told[: len(draft.text)]:
            what = "broke an answer off, and began another way when asked again"
            raise explain_nonsense(what, asked, is_passing=False)
        text, log_probs = draft.text[known:], tuple(draft.log_probs[self._told_log_probs :])
        if len(draft.text) >= known and (text or log_probs):
            self._answer.add(Piece(text, log_probs))
            self._told, self._told_log_probs = draft.text, len(draft.log_probs)


def read_log_probs(part: LogProbsPart | None) -> tuple[TokenLogProb, ...]:
    return tuple(
        TokenLogProb(
            token.token,
            token.logprob,
            tuple(Alternative(other.token, other.logprob, other.bytes) for other in token.top_logprobs or ()),
            token.bytes,
        )
        for token in (part.content or () if part else ())
    )


def find_broken_promise(request: Request, draft: Draft) -> str:
    """What the server was asked for and left out, for the end of "the server ..."; empty when it did what was asked.

    A model that refuses owes no structure, and one that was cut no end.
    """
    if draft.finish_reason != "stop" or draft.has_refused:
        return ""
    if request.sampling.top_log_probs is not None and draft.text and not draft.log_probs:
        return "tells no log-probabilities"
    if request.tools and request.tool_choice not in ("auto", "none"):
        return "called no tool"
    structure = request.structure
    if structure is None or structure.kind == "regex":
        return ""
    if structure.kind == "choice":
        return "" if draft.text in read_choices(structure) else "answered with none of the choices"
    try:
        value = json.loads(draft.text)
    except (ValueError, RecursionError):
        return "did not answer in JSON"
    return "" if structure.kind == "json_schema" or isinstance(value, dict) else "did not answer with a JSON object"
