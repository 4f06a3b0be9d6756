"""One row of the running batch: its tokens, how many of them are computed, and which adapter computes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence as Many

    import torch

    from luthier.engine.adapters.adapter import Adapter
    from luthier.engine.runners.passage import Stretch
    from luthier.tokens.encode import EncodedExample


@dataclass(eq=False, slots=True)
class Sequence:
    """`ids` are the prompt's tokens and those of the answer so far; the runner has keys and values of the first
    `computed`. It never becomes longer than `limit`. Without an adapter the base itself answers."""

    ids: list[int]
    limit: int
    adapter: Adapter | None = None
    computed: int = 0

    @property
    def pending(self) -> int:
        """Tokens that have to be computed before the next one is known."""
        return len(self.ids) - self.computed


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next `count` tokens of a sequence that are not computed yet."""

    sequence: Sequence
    count: int


class Admission(Enum):
    ADMITTED = "admitted"
    LATER = "later"
    """Somebody else is computing what it begins with, and it will come cheaper; others need not wait for it."""
    FULL = "full"
    """There is no memory now; nobody who came later may pass it."""


class Runner(Protocol):
    """One copy of a base's weights, and the memory for keys and values; it is used from one thread."""

    @property
    def vocabulary_size(self) -> int: ...

    @property
    def capacity(self) -> int:
        """Tokens that one sequence could hold if it were alone: a longer one can never be admitted."""
        ...

    def admit(self, sequence: Sequence, waiting: Many[Sequence]) -> Admission:
        """Sets `computed` to what is known from others that begin alike, at most all but the last token.

        `waiting` are all that are not admitted yet, for it pays to keep what many of them begin with.
        """
        ...

    def reserve(self, chunk: Chunk) -> bool:
        """Whether there is room for the chunk's tokens, which then is the sequence's own."""
        ...

    def step(self, chunks: Many[Chunk]) -> torch.Tensor:
        """Computes reserved chunks, at most one of each sequence, and moves their `computed` on.

        Returns (len(chunks), V): float32 logits of what follows each chunk's last token.
        """
        ...

    def release(self, sequence: Sequence) -> None:
        """The sequence has ended or must make room; what it computed may be kept for others that begin alike."""
        ...

    def score(self, row: EncodedExample, adapter: Adapter | None) -> float:
        """The log-probability of the row's targets in nats, from logits in float32; nothing of it is kept."""
        ...

    def read(self, stretches: Many[Stretch], adapter: Adapter | None) -> torch.Tensor:
        """Computes the stretches, at most one of each passage, and moves their `computed` on.

        Returns (n, V): float32 logits of what follows at their heads, one stretch after the other.
        """
        ...

    def forget(self, adapter: Adapter) -> None:
        """Lets go of an adapter that leaves the memory, and of all that was computed with it; no row uses it."""
        ...
