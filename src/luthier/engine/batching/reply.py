"""One request while it is answered: each picked token goes in, and pieces and the response go to whoever waits.

The scheduler moves it between its queue and the batch; what a reply has become so far does not depend on where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from luthier.engine.protocol import Alternative, Piece, Response, TokenLogProb

if TYPE_CHECKING:
    from luthier.engine.answer import Answer
    from luthier.engine.decoding.sampling import PickedToken, TokenPicker
    from luthier.engine.decoding.text_stream import TextStream
    from luthier.engine.decoding.token_texts import TokenTexts
    from luthier.engine.protocol import FinishReason
    from luthier.engine.runners.sequence import Sequence
    from luthier.engine.structure.guide import Guide
    from luthier.engine.tools.answer_reader import AnswerReader
    from luthier.errors import LuthierError


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked, and never changes. `deadline` is a time of the scheduler's clock; `token_texts` is None where
    nothing is told of single tokens."""

    answer: Answer
    prompt_tokens: int
    prompt_hash: str
    stop_ids: frozenset[int]
    token_texts: TokenTexts | None
    deadline: float | None = None


@dataclass(eq=False, slots=True)
class Reply:
    """`guide` is None where any text will do. `cached_tokens` is known once the reply was admitted to the batch."""

    order: Order
    sequence: Sequence
    picker: TokenPicker
    stream: TextStream
    reader: AnswerReader
    guide: Guide | None = None
    cached_tokens: int | None = None
    _log_probs: list[TokenLogProb] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Answered, failed, or given up by whoever asked."""
        return self.order.answer.is_done

    def is_late(self, now: float) -> bool:
        return self.order.deadline is not None and now >= self.order.deadline

    def note_admission(self) -> None:
        """What it finds computed when it comes back, after it had to make room, it has mostly computed itself."""
        if self.cached_tokens is None:
            self.cached_tokens = self.sequence.computed

    def take(self, picked: PickedToken) -> None:
        """Ends the reply where its text or its token says so. Raises InvalidStructure where its guide does."""
        self.sequence.ids.append(picked.token)
        if picked.token in self.order.stop_ids:
            self._finish("stop")
            return
        if self.guide is not None:
            self.guide.accept(picked.token)
        self._show(self.reader.add(self.stream.add(picked.token)), self._tell_log_probs(picked))
        if self.stream.is_stopped:
            self._finish("stop")
        elif len(self.sequence.ids) >= self.sequence.limit:
            self._finish("stop" if self.guide is not None and self.guide.is_complete else "length")

    def fail(self, error: LuthierError) -> None:
        self.order.answer.fail(error)

    def _finish(self, finish_reason: FinishReason) -> None:
        held_back = self.reader.add(self.stream.finish())
        if self.stream.is_stopped:  # by what was held back
            finish_reason = "stop"
        last = self.reader.finish()
        self._show(held_back + last.rest)
        self.order.answer.finish(
            Response(
                text=last.content,
                finish_reason="tool_calls" if last.tool_calls and finish_reason == "stop" else finish_reason,
                prompt_tokens=self.order.prompt_tokens,
                completion_tokens=len(self.sequence.ids) - self.order.prompt_tokens,
                prompt_hash=self.order.prompt_hash,
                tool_calls=last.tool_calls,
                log_probs=tuple(self._log_probs),
                cached_tokens=self.cached_tokens or 0,
            )
        )

    def _show(self, text: str, log_probs: tuple[TokenLogProb, ...] = ()) -> None:
        self._log_probs += log_probs
        if text or log_probs:
            self.order.answer.add(Piece(text, log_probs))

    def _tell_log_probs(self, picked: PickedToken) -> tuple[TokenLogProb, ...]:
        texts = self.order.token_texts
        if picked.log_prob is None or texts is None:
            return ()
        others = [(texts.find(token), log_prob) for token, log_prob in picked.alternatives]
        alternatives = tuple(Alternative(other.text, log_prob, other.utf8) for other, log_prob in others)
        token = texts.find(picked.token)
        return (TokenLogProb(token.text, picked.log_prob, alternatives, token.utf8),)
