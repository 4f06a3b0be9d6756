"""What sequences begin with is computed once: kept runs of keys and values, and those that running rows share.

Keys and values depend on the adapter too, so everything is found by adapter and token ids together.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.runners.memory import Run, Shelf, join_runs
from luthier.errors import OutOfMemory
from luthier.models.loading import translate_memory_errors
from luthier.tokens.tree import count_common

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from luthier.engine.adapters.adapter import Adapter
    from luthier.engine.runners.memory import Budget, Shape

SHORTEST_SHARED = 32
"""Tokens: for fewer, reading them apart for all rows costs more than it saves."""

NEAR_ENOUGH = 0.75
"""Of the beginning that is worth sharing: a shared one of this part is taken rather than another made."""

IDLE_SHARED = 8
"""Prefixes that no row uses may stay on the shelf up to this number, where attention still reads them."""

LARGEST_WASTE = 4
"""A prefix that would make the shelf this many times larger than its prefixes is not shared."""


@dataclass(eq=False)
class Shared:
    """A beginning that several rows use where it stands, at `place` of the shelf."""

    ids: tuple[int, ...]
    adapter: Adapter | None
    place: int
    users: int = 0
    last_use: int = 0

    @property
    def length(self) -> int:
        return len(self.ids)


@dataclass(eq=False)
class Kept:
    """What a sequence left behind, for those that begin alike to copy."""

    ids: tuple[int, ...]
    adapter: Adapter | None
    run: Run
    last_use: int


class Match(NamedTuple):
    kept: Kept
    length: int


class Prefixes:
    """`share` and `keep` take memory from the budget, and `evict` gives some back."""

    def __init__(self, shape: Shape, budget: Budget) -> None:
        self.shelf = Shelf(shape, budget, longest=budget.limit)
        self.shared: list[Shared] = []  # in the order of their places
        self._kept: list[Kept] = []
        self._shape = shape
        self._budget = budget
        self._clock = count(1)

    def view(self, shared: Shared) -> Run:
        return self.shelf.view(shared.place, shared.length)

    def find_shared(self, ids: Sequence[int], adapter: Adapter | None) -> Shared | None:
        """The longest whole one with which a sequence begins, leaving it at least one token of its own."""
        fitting = [
            each
            for each in self.shared
            if each.adapter is adapter and each.length < len(ids) and each.ids == tuple(ids[: each.length])
        ]
        return max(fitting, key=lambda each: each.length, default=None)

    def find_kept(self, ids: Sequence[int], adapter: Adapter | None) -> Match | None:
        """What has most in common with a sequence, its last token aside."""
        matches = [
            Match(kept, min(count_common(kept.ids, tuple(ids)), len(ids) - 1))
            for kept in self._kept
            if kept.adapter is adapter and kept.ids[0] == ids[0]
        ]
        best = max(matches, key=lambda match: match.length, default=None)
        if best is not None:
            best.kept.last_use = next(self._clock)
        return best

    def use(self, shared: Shared) -> None:
        shared.users += 1
        shared.last_use = next(self._clock)

    def share(self, ids: Sequence[int], adapter: Adapter | None, runs: list[Run]) -> Shared | None:
        """Puts the beginning `ids`, whose keys and values are `runs` end to end, on the shelf, if there is room.

        Some that nobody uses may leave for it. What is no number is not shared: attention multiplies it by zero for the
        rows of other prefixes, which would make it theirs.
        """
        lengths = self._list_lengths(len(ids), idle=IDLE_SHARED)
        if len(lengths) * max(lengths) > LARGEST_WASTE * sum(lengths):
            lengths = self._list_lengths(len(ids), idle=0)
        if len(lengths) * max(lengths) > LARGEST_WASTE * sum(lengths) or not all(map(_has_only_numbers, runs)):
            return None
        self.shelf.trim(max(lengths))
        try:
            if not self.shelf.fit(len(lengths), len(ids)):
                return None
        except OutOfMemory:
            return None
        shared = Shared(tuple(ids), adapter, self.shelf.take_row())
        self.shelf.fill_row(shared.place, runs)
        self.shared.append(shared)
        return shared

    def keep(self, ids: Sequence[int], adapter: Adapter | None, runs: list[Run]) -> None:
        """Copies a sequence's runs, if there is room beside what is running, in place of what they continue."""
        self._drop_kept([kept for kept in self._kept if kept.adapter is adapter and _continues(ids, kept.ids)])
        if len(ids) > self._budget.free:
            return
        with suppress(OutOfMemory), translate_memory_errors("keeping what was computed"):
            self._kept.append(Kept(tuple(ids), adapter, join_runs(self._shape, runs), next(self._clock)))
            self._budget.used += len(ids)

    def evict(self, needed: int) -> bool:
        """Gives up what was used longest ago until the budget has `needed` tokens free."""
        while self._budget.free < needed and self._kept:
            self._drop_kept([min(self._kept, key=lambda kept: kept.last_use)])
        if self._budget.free < needed:
            self._drop_idle_shared(0)
            self.shelf.trim()
        return self._budget.free >= needed

    def forget(self, adapter: Adapter) -> None:
        """Raises nothing for rows that still run: an adapter in use is not forgotten by its owner."""
        self._drop_kept([kept for kept in self._kept if kept.adapter is adapter])
        self._drop_shared([each for each in self.shared if each.adapter is adapter and not each.users])

    def _list_lengths(self, another: int, *, idle: int) -> list[int]:
        """Of what would stand on the shelf with another, when all but so many that nobody uses have left."""
        self._drop_idle_shared(idle)
        return [another, *(each.length for each in self.shared)]

    def _drop_kept(self, leaving: list[Kept]) -> None:
        for kept in leaving:
            self._kept.remove(kept)
            self._budget.used -= len(kept.ids)

    def _drop_idle_shared(self, count: int) -> None:
        """All but the `count` that were used last."""
        idle = sorted((each for each in self.shared if not each.users), key=lambda each: each.last_use)
        self._drop_shared(idle[: max(0, len(idle) - count)])

    def _drop_shared(self, leaving: Iterable[Shared]) -> None:
        for shared in leaving:
            last = self.shared.pop()
            self.shelf.drop_row(shared.place)
            if last is not shared:
                self.shared[shared.place] = last
                last.place = shared.place


def choose_shared_length(ids: Sequence[int], peers: Iterable[Sequence[int]]) -> int:
    """Of the beginning with which most computation is saved if the peers use it too; 0 for none."""
    commons = sorted((count_common(ids, peer) for peer in peers), reverse=True)
    commons = [min(common, len(ids) - 1) for common in commons]
    best = max(range(len(commons)), key=lambda place: commons[place] * (place + 1), default=None)
    return commons[best] if best is not None and commons[best] >= SHORTEST_SHARED else 0


def _has_only_numbers(run: Run) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in run.tensors)


def _continues(ids: Sequence[int], kept: tuple[int, ...]) -> bool:
    return len(ids) >= len(kept) and tuple(ids[: len(kept)]) == kept
