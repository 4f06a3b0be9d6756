"""Something that is in memory, or is to be, with its size and its users; and which leave when others need the room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable


class Loaded(NamedTuple):
    """`let_go` is called once the value has left, before the memory is asked for again; it must not raise."""

    value: Any
    byte_count: int
    let_go: Callable[[], None]


class Wish(NamedTuple):
    """Something to be in memory. It gets at least `least_bytes`, up to `most_bytes` half of what is left beyond that;
    and before it does with fewer than `liked_bytes`, what is idle leaves.

    `load` is told the bytes that it may take, and the value that the wish before it in a chain has become.
    """

    key: Hashable
    label: str
    load: Callable[[int, Any], Loaded]
    least_bytes: int
    liked_bytes: int
    most_bytes: int


GONE = Loaded(None, 0, lambda: None)


@dataclass(eq=False, slots=True)
class Holding:
    """`loaded` is `GONE` once it has left memory."""

    key: Hashable
    loaded: Loaded
    parent: Holding | None
    users: int = 0
    used_at: int = 0
    is_stale: bool = False


def empty(holding: Holding) -> None:
    """Whoever still has the holding has nothing of what was loaded."""
    loaded, holding.loaded = holding.loaded, GONE
    loaded.let_go()


def sort_by_use(holdings: Iterable[Holding]) -> list[Holding]:
    """What was used least recently comes first; what stands on another comes before it."""
    return sorted(holdings, key=lambda each: each.used_at)


def choose_leaving(idle: Iterable[Holding], lacking_bytes: int) -> list[Holding] | None:
    """The least recently used that take so many bytes together, without those that need not leave beside larger ones.

    None when all together do not.
    """
    leaving: list[Holding] = []
    for holding in sort_by_use(idle):
        if lacking_bytes <= 0:
            break
        leaving.append(holding)
        lacking_bytes -= holding.loaded.byte_count
    if lacking_bytes > 0:
        return None
    for holding in leaving[-2::-1]:
        if holding.loaded.byte_count <= -lacking_bytes and holding.parent not in leaving:
            leaving.remove(holding)
            lacking_bytes += holding.loaded.byte_count
    return leaving
