"""What takes memory is loaded once for all who want it, and kept under a budget: the least recently used leaves.

It knows neither models nor threads of its own: who wants something loads it, outside of the lock, and others of the
same wish wait for that.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from itertools import count
from threading import Condition
from typing import TYPE_CHECKING, Any

from luthier.engine.residence.holding import Holding, choose_leaving, empty, sort_by_use
from luthier.engine.residence.turns import Turns
from luthier.errors import LuthierError, OutOfMemory, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from luthier.engine.residence.holding import Loaded, Wish


@dataclass(eq=False, slots=True)
class _Loading:
    is_over: bool = False
    error: LuthierError | None = None


class Holdings:
    """`find` and `take` are for chains: what is later in one stands on what is before it, and never outlives it."""

    def __init__(self, budget_bytes: int, *, after_leaving: Callable[[], object] = lambda: None) -> None:
        """`after_leaving` is called when something has left on which others could stand."""
        self.budget_bytes = budget_bytes
        self._after_leaving = after_leaving
        self._changed = Condition()
        self._held: dict[Hashable, Holding] = {}
        self._loading: dict[Hashable, _Loading] = {}
        self._promised_bytes = 0
        self._turns = Turns()
        self._leaving: list[Holding] = []
        self._is_closed = False
        self._ticks = count()

    @property
    def keys(self) -> list[Hashable]:
        """Of what is in memory."""
        with self._changed:
            return list(self._held)

    @property
    def held_bytes(self) -> int:
        """With what is promised to those who load."""
        with self._changed:
            return self._count_bytes()

    def find(self, keys: Sequence[Hashable]) -> list[Holding] | None:
        """At once: what is there, to be used until `give_back`; None where something is not, or others come first."""
        with self._changed:
            if self._is_closed or not self._turns.may_go() or not all(key in self._held for key in keys):
                return None
            self._turns.count_pass()
            return self._use([self._held[key] for key in keys])

    def take(self, chain: Sequence[Wish]) -> list[Holding]:
        """To be used until `give_back`. Waits while the room that it needs is in use.

        Raises what loading raises, also to others who wait for the same; OutOfMemory for what would not fit alone; and
        RequestCancelled when closed.
        """
        with self._changed:
            granted = self._wait_for_turn(chain)
            found = self._use([self._held[wish.key] for wish in chain if wish.key in self._held])
        self._let_go()
        return self._load(chain, found, granted)

    def give_back(self, holdings: Sequence[Holding]) -> None:
        with self._changed:
            for holding in holdings:
                holding.users -= 1
            self._touch(holdings)
            for holding in reversed(holdings):
                if (holding.is_stale or self._is_closed) and not holding.users:
                    self._remove(holding)
            self._changed.notify_all()
        self._let_go()

    def retire(self, key: Hashable) -> None:
        """Nobody will ask for it any more: it leaves, with what stands on it, as soon as nobody uses it."""
        with self._changed:
            stale = [each for each in self._held.values() if key in (each.key, each.parent and each.parent.key)]
            for holding in reversed(stale):
                holding.is_stale = True
                if not holding.users:
                    self._remove(holding)
            self._changed.notify_all()
        self._let_go()

    def close(self) -> None:
        """What is in use leaves when it is given back."""
        with self._changed:
            self._is_closed = True
            for holding in reversed(list(self._held.values())):
                if not holding.users:
                    self._remove(holding)
            self._changed.notify_all()
        self._let_go()

    def _wait_for_turn(self, chain: Sequence[Wish]) -> dict[Hashable, int]:
        """The bytes promised to each wish that has to be loaded."""
        ticket = None
        try:
            while not self._is_closed:
                busy = next((self._loading[wish.key] for wish in chain if wish.key in self._loading), None)
                if busy is not None:
                    while not busy.is_over:
                        self._changed.wait()
                    if busy.error is not None:
                        raise busy.error
                elif self._turns.may_go(ticket) and (granted := self._find_room(chain)) is not None:
                    self._turns.count_pass(ticket)
                    return granted
                else:
                    if ticket is None:
                        ticket = self._turns.line_up()
                    self._changed.wait()
        finally:
            if ticket is not None:
                self._turns.leave(ticket)
                self._changed.notify_all()
        raise RequestCancelled("the engine was closed")

    def _find_room(self, chain: Sequence[Wish]) -> dict[Hashable, int] | None:
        """None when there is none now. Raises OutOfMemory when there never will be."""
        missing = [wish for wish in chain if wish.key not in self._held]
        kept = [self._held[wish.key] for wish in chain if wish.key in self._held]
        least = sum(wish.least_bytes for wish in missing)
        needed = least + sum(holding.loaded.byte_count for holding in kept)
        if not missing:
            return {}
        if needed > self.budget_bytes:
            raise OutOfMemory(
                f"{chain[-1].label} needs {_show(needed)} of memory, of which the engine may take "
                f"{_show(self.budget_bytes)}",
                hint="take a smaller base model, or free memory before you start, or give the engine more of it",
            )
        liked = sum(wish.liked_bytes for wish in missing)
        if not (self._make_room(liked, kept) or self._make_room(least, kept)):
            return None
        spare = self.budget_bytes - self._count_bytes() - least
        granted: dict[Hashable, int] = {}
        for wish in missing:
            extra = max(0, min(wish.most_bytes - wish.least_bytes, spare // 2))
            granted[wish.key] = wish.least_bytes + extra
            spare -= extra
            self._loading[wish.key] = _Loading()
        self._promised_bytes += sum(granted.values())
        return granted

    def _make_room(self, wanted_bytes: int, kept: Sequence[Holding]) -> bool:
        """Whether there is, once the least recently used have left; nobody leaves when that would not help."""
        lacking = wanted_bytes - (self.budget_bytes - self._count_bytes())
        idle = [each for each in self._held.values() if not each.users and each not in kept]
        leaving = choose_leaving(idle, lacking)
        if leaving is None:
            return False
        for holding in leaving:
            self._remove(holding)
        return True

    def _load(self, chain: Sequence[Wish], found: Sequence[Holding], granted: Mapping[Hashable, int]) -> list[Holding]:
        """`found` is what `chain` begins with."""
        holdings = list(found)
        error = None
        try:
            for wish in chain[len(found) :]:
                parent = holdings[-1] if holdings else None
                loaded = self._load_one(wish, granted[wish.key], parent.loaded.value if parent else None)
                holding = Holding(wish.key, loaded, parent)
                self._settle([wish.key], granted, holding=holding)
                holdings.append(holding)
        except LuthierError as caught:
            error = caught
            _empty_frames(error)
            raise
        finally:
            if len(holdings) < len(chain):
                self._settle([wish.key for wish in chain[len(holdings) :]], granted, error=error)
                self.give_back(holdings)
        return holdings

    def _load_one(self, wish: Wish, granted_bytes: int, parent: Any) -> Loaded:
        """Where the memory is not what the budget says, what is idle leaves before it is tried once more."""
        try:
            return wish.load(granted_bytes, parent)
        except OutOfMemory:
            if not self._clear_idle():
                raise
        return wish.load(granted_bytes, parent)

    def _clear_idle(self) -> bool:
        """Whether there was any."""
        with self._changed:
            idle = sort_by_use(each for each in self._held.values() if not each.users)
            for holding in idle:
                self._remove(holding)
        self._let_go()
        return bool(idle)

    def _settle(
        self,
        keys: Sequence[Hashable],
        granted: Mapping[Hashable, int],
        *,
        holding: Holding | None = None,
        error: LuthierError | None = None,
    ) -> None:
        """What was to be loaded is there, or is not; those who wait for it are told."""
        with self._changed:
            for key in keys:
                self._promised_bytes -= granted[key]
                loading = self._loading.pop(key)
                loading.is_over, loading.error = True, error
            if holding is not None:
                self._held[holding.key] = holding
                self._use([holding])
            self._changed.notify_all()

    def _use(self, holdings: list[Holding]) -> list[Holding]:
        for holding in holdings:
            holding.users += 1
            holding.is_stale = False
        self._touch(holdings)
        return holdings

    def _touch(self, holdings: Sequence[Holding]) -> None:
        """What stands on another is the older of the two, so that it leaves first."""
        for holding in reversed(holdings):
            holding.used_at = next(self._ticks)

    def _count_bytes(self) -> int:
        return self._promised_bytes + sum(holding.loaded.byte_count for holding in self._held.values())

    def _remove(self, holding: Holding) -> None:
        del self._held[holding.key]
        self._leaving.append(holding)

    def _let_go(self) -> None:
        """Outside of the lock: it may take a while."""
        with self._changed:
            leaving, self._leaving = self._leaving, []
        has_root = any(holding.parent is None for holding in leaving)
        for holding in leaving:
            empty(holding)
        if has_root:
            self._after_leaving()


def _empty_frames(error: BaseException | None) -> None:
    """Whoever keeps the error would keep in memory what was loaded when it was raised."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _show(byte_count: int) -> str:
    return f"{byte_count / 1e9:.2f} GB" if byte_count >= 1e9 else f"{byte_count / 1e6:.2f} MB"
