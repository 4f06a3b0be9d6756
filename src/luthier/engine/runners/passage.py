"""Tokens that are there already are read once, part by part, for what a model expects in the place of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(eq=False, slots=True)
class Passage:
    """`first` is the place of the first token of interest, from 1 on: before the token at 0 there is nothing to expect
    it from. `memory` is the runner's, for keys and values of the first `computed` tokens; it goes with the passage."""

    ids: Sequence[int]
    first: int
    computed: int = 0
    memory: Any = None

    @property
    def left(self) -> int:
        """Tokens to compute; the last one has nobody after it."""
        return len(self.ids) - 1 - self.computed

    @property
    def measured(self) -> int:
        """Tokens of interest."""
        return len(self.ids) - self.first


@dataclass(frozen=True, slots=True)
class Stretch:
    """The next `count` tokens of a passage."""

    passage: Passage
    count: int

    @property
    def places(self) -> range:
        """Of its tokens in the passage."""
        return range(self.passage.computed, self.passage.computed + self.count)

    @property
    def heads(self) -> range:
        """Those places behind which a token of interest follows."""
        return range(max(self.passage.computed, self.passage.first - 1), self.passage.computed + self.count)

    @property
    def expected(self) -> Sequence[int]:
        """The ids that do follow."""
        heads = self.heads
        return self.passage.ids[heads.start + 1 : heads.stop + 1] if heads else []

    def finish(self) -> None:
        """They are computed; what was kept for the next stretch goes when there is none."""
        self.passage.computed += self.count
        if not self.passage.left:
            self.passage.memory = None
