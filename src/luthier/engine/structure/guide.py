"""The tokens of one answer go in as they are picked, what may come next comes out, computed beside the model."""

from __future__ import annotations

import re
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import InvalidStructure, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from llguidance import LLMatcher
    from torch import Tensor

    from luthier.engine.structure.vocabulary import Vocabulary

PLACE = re.compile(r"^at \d+\(\d+\): (failed to compile JSON schema: )?")


class _Outlook(NamedTuple):
    """What is known of the text so far."""

    mask: Tensor
    is_complete: bool


class Guide:
    """It belongs to one answer, and outlasts preemption: it knows the answer's tokens and nothing of the model."""

    def __init__(
        self, matcher: LLMatcher, vocabulary: Vocabulary, *, kind: str, source: str, workers: Executor
    ) -> None:
        self.source = source
        """The grammar as the library reads it, for another engine that is to follow it too."""
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._kind = kind
        self._workers = workers
        self._accepted = 0
        self._outlook = self._begin(self._look_ahead)

    @property
    def is_complete(self) -> bool:
        """Whether nothing but the end may follow. Waits, and raises as `mask` does."""
        return self._outlook.result().is_complete

    def accept(self, token_id: int) -> None:
        """Returns at once; the next mask is computed in the background. The token must be one that `mask` allows.

        A guide that cannot go on keeps its first error.
        """
        if self._outlook.exception() is None:
            self._outlook = self._begin(partial(self._advance, token_id))

    def mask(self) -> Tensor:
        """(V,) bool, not to be written to. Waits for it.

        Raises InvalidStructure when the structure turned out too complex on the way, which ends this answer alone, and
        RequestCancelled after the grammars were closed.
        """
        return self._outlook.result().mask

    def _begin(self, look: Callable[[], _Outlook]) -> Future[_Outlook]:
        try:
            return self._workers.submit(look)
        except RuntimeError:  # all that an executor says when it was shut down
            closed: Future[_Outlook] = Future()
            closed.set_exception(RequestCancelled("the engine was closed"))
            return closed

    def _advance(self, token_id: int) -> _Outlook:
        if not self._matcher.consume_token(token_id):
            raise self._describe_death(f"token {token_id} does not fit")
        self._accepted += 1
        return self._look_ahead()

    def _look_ahead(self) -> _Outlook:
        mask = self._vocabulary.compute_mask(self._matcher)
        if self._matcher.is_error():
            raise self._describe_death("it became too complex")
        return _Outlook(mask, self._matcher.is_stopped())

    def _describe_death(self, what: str) -> InvalidStructure:
        return InvalidStructure(
            f"the {self._kind} structure cannot be followed after {self._accepted} tokens: {what} "
            f"({explain_error(self._matcher)})",
            hint="make the structure simpler: fewer alternatives, and smaller repetitions",
        )


def explain_error(matcher: LLMatcher) -> str:
    """The one line of the library's report that says what is wrong, without its place in a grammar that nobody sees."""
    lines = [line.strip() for line in matcher.get_error().splitlines() if line.strip()]
    reason = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[0])
    return PLACE.sub("", reason)
