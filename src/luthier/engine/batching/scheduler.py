"""Replies that wait and replies in the batch become the chunks of one step, and the step's logits their next tokens.

Continuous batching after Yu et al. 2022 (Orca, https://www.usenix.org/conference/osdi22/presentation/yu), with prompts
computed by chunks beside the tokens of others after Agrawal et al. 2023 (Sarathi, https://arxiv.org/abs/2308.16369).
"""

from __future__ import annotations

import time
from bisect import insort
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import torch

from luthier.engine.decoding.sampling import pick_tokens
from luthier.engine.runners.sequence import Admission, Chunk
from luthier.errors import DeadlineExceeded, LuthierError, OutOfMemory
from luthier.models.loading import translate_memory_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from luthier.engine.batching.reply import Reply
    from luthier.engine.runners.sequence import Runner, Sequence

SMALLEST_STEP_TOKENS = 16
"""A step that fails for want of memory is tried again with half its tokens, down to this."""

MAKE_ROOM = "shorten the prompt, lower max_tokens, or free some memory"


class Scheduler:
    """Drives one runner, from one thread. A step computes one token of every row whose prompt is computed, and
    `step_tokens` in all, of which prompts get what is left.

    Who came first is served first: rows make room in the reverse order of their arrival, so the oldest always moves on.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        clock: Callable[[], float] = time.monotonic,
        max_rows: int = 64,
        step_tokens: int = 512,
    ) -> None:
        self.runner = runner
        self._clock = clock
        self._max_rows = self._row_limit = max_rows
        self._step_tokens = self._step_limit = step_tokens
        self._arrivals: dict[Reply, _Arrival] = {}
        self._arrived = 0
        self._waiting: list[Reply] = []  # both in order of arrival
        self._running: list[Reply] = []

    @property
    def has_work(self) -> bool:
        return bool(self._arrivals)

    def add(self, reply: Reply, *, leave: Callable[[], None] | None = None) -> None:
        """`leave` is called when the reply has ended and nothing of it is held any more."""
        self._arrived += 1
        self._arrivals[reply] = _Arrival(self._arrived, leave)
        self._waiting.append(reply)

    def step(self) -> None:
        self._part_with_ended()
        self._admit()
        turns, logits = self._compute()
        self._pick(turns, logits)
        self._part_with_ended()

    def fail_all(self, error: LuthierError) -> None:
        for reply in [*self._running, *self._waiting]:
            reply.fail(error)
        self._part_with_ended()

    def _part_with_ended(self) -> None:
        """Those that have their answer, those that nobody waits for any more, and those that are late."""
        now = self._clock()
        for reply in self._arrivals:
            if reply.is_late(now):
                reply.fail(DeadlineExceeded("the answer was not complete when its time was over"))
        for reply in [reply for reply in self._arrivals if reply.is_done]:
            self._part_with(reply)

    def _part_with(self, reply: Reply) -> None:
        leave = self._arrivals.pop(reply).leave
        try:
            if reply in self._waiting:
                self._waiting.remove(reply)
            else:
                self._vacate(reply)
        finally:
            if leave is not None:
                leave()

    def _vacate(self, reply: Reply) -> None:
        """What did not fit beside this one may fit without it."""
        self._running.remove(reply)
        self.runner.release(reply.sequence)
        self._row_limit = min(self._row_limit + 1, self._max_rows)
        self._step_limit = min(self._step_limit * 2, self._step_tokens)

    def _admit(self) -> None:
        """In order of arrival, as many as the next step has tokens for."""
        waiting = [reply.sequence for reply in self._waiting]
        for reply in list(self._waiting):
            if len(self._running) >= self._row_limit or self._count_uncomputed() >= self._step_limit:
                return
            match self._try_to_admit(reply.sequence, waiting):
                case Admission.ADMITTED:
                    self._waiting.remove(reply)
                    waiting.remove(reply.sequence)
                    insort(self._running, reply, key=self._get_number)
                    reply.note_admission()
                case Admission.FULL if self._running:
                    return
                case Admission.FULL:
                    self._refuse(reply)
                case Admission.LATER if not self._running:
                    raise RuntimeError("the runner lets nobody in, and nobody is there to wait for")

    def _try_to_admit(self, sequence: Sequence, waiting: list[Sequence]) -> Admission:
        try:
            with translate_memory_errors("admitting"):
                return self.runner.admit(sequence, waiting)
        except OutOfMemory:
            return Admission.FULL

    def _get_number(self, reply: Reply) -> int:
        return self._arrivals[reply].number

    def _count_uncomputed(self) -> int:
        return sum(reply.sequence.pending for reply in self._running)

    def _compute(self) -> tuple[list[_Turn], torch.Tensor]:
        """What was computed of whom; where memory turns out too small, less of fewer."""
        while self._running:
            try:
                with translate_memory_errors("answering"):
                    turns = self._plan()
                    if turns:
                        return turns, self.runner.step([turn.chunk for turn in turns])
                    break
            except OutOfMemory as error:
                self._shrink(OutOfMemory(error.message, hint=MAKE_ROOM))
        return [], torch.empty(0)

    def _plan(self) -> list[_Turn]:
        """A token for each row that is answering, and for prompts what then is left of the step, oldest first.

        Rows that make room are younger than the one that needs it, so they have no turn yet.
        """
        turns: list[_Turn] = []
        answering = sum(reply.sequence.pending == 1 for reply in self._running)
        left = max(1, self._step_limit - answering)
        place = 0
        while place < len(self._running):
            reply = self._running[place]
            pending = reply.sequence.pending
            chunk = Chunk(reply.sequence, 1 if pending == 1 else min(pending, left))
            if chunk.count and self._reserve(reply, chunk):
                turns.append(_Turn(reply, chunk))
                left -= chunk.count if pending > 1 else 0
            place += 1
        return turns

    def _reserve(self, reply: Reply, chunk: Chunk) -> bool:
        """Room for the chunk, which younger rows make. False where the reply is the youngest and goes itself."""
        while not self.runner.reserve(chunk):
            if len(self._running) == 1:
                self._refuse(reply)
                return False
            youngest = self._running[-1]
            self._preempt(youngest)
            if youngest is reply:
                return False
        return True

    def _preempt(self, reply: Reply) -> None:
        """It keeps its tokens and its place before all who came later, and is computed again when there is room."""
        self._running.remove(reply)
        self.runner.release(reply.sequence)
        insort(self._waiting, reply, key=self._get_number)

    def _shrink(self, error: OutOfMemory) -> None:
        """One that is alone fails with the error when its smallest step is too large."""
        if len(self._running) > 1:
            self._preempt(self._running[-1])
            self._row_limit = len(self._running)
        elif self._step_limit <= SMALLEST_STEP_TOKENS or self._running[0].sequence.pending == 1:
            self._running[0].fail(error)
            self._part_with(self._running[0])
        self._step_limit = max(self._step_limit // 2, SMALLEST_STEP_TOKENS)

    def _refuse(self, reply: Reply) -> None:
        needed, capacity = len(reply.sequence.ids), self.runner.capacity
        message = f"prompt and answer need memory for {needed} tokens, and there is room for {capacity}"
        reply.fail(OutOfMemory(message, hint=MAKE_ROOM))

    def _pick(self, turns: list[_Turn], logits: torch.Tensor) -> None:
        """`logits` (n, V) follow each turn's chunk; the next token of a prompt is known when all of it is computed."""
        masks: dict[int, torch.Tensor | None] = {}
        for place, (reply, _) in enumerate(turns):
            if reply.sequence.pending == 0:
                with _fail_alone(reply):
                    masks[place] = None if reply.guide is None else reply.guide.mask()
        if not masks:
            return
        replies = [turns[place].reply for place in masks]
        rows = logits if len(masks) == len(logits) else logits[list(masks)]
        picks = pick_tokens(rows, [reply.picker for reply in replies], list(masks.values()))
        for reply, picked in zip(replies, picks, strict=True):
            with _fail_alone(reply):
                if isinstance(picked, LuthierError):
                    raise picked
                reply.take(picked)


@contextmanager
def _fail_alone(reply: Reply) -> Iterator[None]:
    """What is wrong with one reply is no matter of the others."""
    try:
        yield
    except LuthierError as error:
        reply.fail(error)


class _Arrival(NamedTuple):
    number: int
    leave: Callable[[], None] | None


class _Turn(NamedTuple):
    reply: Reply
    chunk: Chunk
