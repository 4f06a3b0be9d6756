"""Two lists go in, which elements of them belong together comes out, as pairs of their places."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.conversation import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence


Weigh = Callable[[int, int], int]
"""How many fields two elements share, by their places."""


class Pair(NamedTuple):
    """The place of an element of the answer, and that of its partner in the reference."""

    mine: int
    theirs: int


Pairing = list[Pair]


def pair_by_key(got: list[Any], wanted: list[Any], key: str) -> Pairing:
    """Objects with the same value under the key. Of several, and of elements without it, those that come first."""
    free: dict[str, list[int]] = {}
    for place, element in enumerate(got):
        free.setdefault(_read_key(element, key), []).append(place)
    pairs = []
    for place, element in enumerate(wanted):
        if places := free.get(_read_key(element, key)):
            pairs.append(Pair(places.pop(0), place))
    return pairs


def pair_equal(got: list[Any], wanted: list[Any], *, in_order: bool) -> Pairing:
    """Elements that are the same as JSON text, which no other pairing could serve better: wherever they stand, or, in
    order, those at both ends of the lists. What is left to be weighed is little then, even of long lists."""
    mine, theirs = list(map(canonical_json, got)), list(map(canonical_json, wanted))
    if not in_order:
        free: dict[str, list[int]] = {}
        for place in reversed(range(len(mine))):
            free.setdefault(mine[place], []).append(place)
        return [Pair(free[text].pop(), place) for place, text in enumerate(theirs) if free.get(text)]
    shorter = min(len(mine), len(theirs))
    start = next((place for place in range(shorter) if mine[place] != theirs[place]), shorter)
    end = next((back for back in range(shorter - start) if mine[-1 - back] != theirs[-1 - back]), shorter - start)
    ends = [Pair(len(mine) - back, len(theirs) - back) for back in range(end, 0, -1)]
    return [Pair(place, place) for place in range(start)] + ends


def pair_in_order(got: Sequence[int], wanted: Sequence[int], weigh: Weigh) -> Pairing:
    """Of these places, the pairs that share the most fields and do not cross, so that one missing element does not make
    the rest wrong; of those alike, the one with the most pairs.

    Needleman and Wunsch, 1970, with gaps that cost nothing.
    """
    weights = [[weigh(mine, theirs) for theirs in wanted] for mine in got]
    best = [[(0, 0)] * (len(wanted) + 1) for _ in range(len(got) + 1)]  # fields shared and pairs made, from here on
    for mine in reversed(range(len(got))):
        for theirs in reversed(range(len(wanted))):
            shared, made = best[mine + 1][theirs + 1]
            together = (shared + weights[mine][theirs], made + 1)
            best[mine][theirs] = max(together, best[mine + 1][theirs], best[mine][theirs + 1])
    return [Pair(got[pair.mine], wanted[pair.theirs]) for pair in _trace(best)]


def pair_sets(got: Sequence[int], wanted: Sequence[int], weigh: Weigh) -> Pairing:
    """Of these places, the pairs that share the most fields; elements that share none stay alone.

    The assignment problem, solved by scipy (Jonker and Volgenant, 1987).
    """
    if not got or not wanted:
        return []
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    weights = [[weigh(mine, theirs) for theirs in wanted] for mine in got]
    rows, columns = linear_sum_assignment(np.array(weights), maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [Pair(got[row], wanted[column]) for row, column in pairs if weights[row][column]]


def _trace(best: list[list[tuple[int, int]]]) -> Pairing:
    pairs = []
    mine, theirs = 0, 0
    while best[mine][theirs] != (0, 0):
        if best[mine][theirs] == best[mine + 1][theirs]:
            mine += 1
        elif best[mine][theirs] == best[mine][theirs + 1]:
            theirs += 1
        else:
            pairs.append(Pair(mine, theirs))
            mine, theirs = mine + 1, theirs + 1
    return pairs


def _read_key(element: Any, key: str) -> str:
    value = element.get(key) if isinstance(element, dict) else None
    return "" if value is None else canonical_json(value)
