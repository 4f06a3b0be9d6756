"""Units of rows are dealt to training, validation and test, so that each side gets its share of rows and of labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from luthier.data.splits.options import SplitFractions

    Room = Counter[str | None]

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")
HELD_OUT: tuple[Side, ...] = ("test", "validation")
"""In the order in which they are dealt; training gets the rest."""

FEWEST_UNITS = 3
"""A label that fewer units have is rare: it cannot be on every side."""

RARE_FRACTION = 0.1
"""Up to this share of the rows, those with rare labels are all trained on, for what is not trained fails any test."""

RARE = "\0rare"
"""Stands for all rare labels; no text of a row begins so."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Rows, by their indices, that must not be parted.

    `order` is different for each unit, and sorts them so that it looks random. `labels` counts the rows with each
    label. A unit with a `side` stands there already, and stays.
    """

    rows: tuple[int, ...]
    order: bytes
    labels: Mapping[str | None, int]
    side: Side | None = None


def deal_units(units: Iterable[Unit], *, fractions: SplitFractions) -> dict[Side, list[int]]:
    """The rows of each side. Depends on the units alone; within a side they are sorted by their `order`.

    Test and validation come as near to their shares of rows, and of rows with each label, as whole units allow. What
    stands somewhere counts towards the shares. A side is empty only when there are too few units.
    """
    dealt = _pool_rare_labels(sorted(units, key=lambda unit: unit.order))
    hands: dict[Side, list[Unit]] = {side: [unit for unit in dealt if unit.side == side] for side in SIDES}
    free = [unit for unit in dealt if unit.side is None]
    targets = _set_targets(dealt, fractions)
    for side in HELD_OUT:
        spare = sum(not hand for other, hand in hands.items() if other not in HELD_OUT[: HELD_OUT.index(side) + 1])
        taken = _take(free, hands[side], target=targets[side], most=max(0, len(free) - spare))
        hands[side] += taken
        gone = {unit.order for unit in taken}
        free = [unit for unit in free if unit.order not in gone]
    hands["train"] += free
    return {
        side: [row for unit in sorted(hand, key=lambda unit: unit.order) for row in unit.rows]
        for side, hand in hands.items()
    }


def count_target(row_count: int, fraction: float) -> int:
    """The rows that a held-out side should have: at least one."""
    return max(1, round(row_count * fraction))


def _pool_rare_labels(units: Sequence[Unit]) -> list[Unit]:
    holders = Counter(label for unit in units for label in unit.labels)
    if len(holders) == 1:
        return list(units)
    pooled = []
    for unit in units:
        labels: Counter[str | None] = Counter()
        for label, count in unit.labels.items():
            labels[label if holders[label] >= FEWEST_UNITS else RARE] += count
        pooled.append(replace(unit, labels=labels))
    return pooled


def _set_targets(units: Sequence[Unit], fractions: SplitFractions) -> dict[Side, Room]:
    """Rows of each label for test and validation.

    Both together are rounded too, so that a label with half a row for each side gets one row on one of them.
    """
    weights = _count_labels(units)
    row_count = weights.total()
    if len(weights) > 1 and weights[RARE] <= RARE_FRACTION * row_count:
        del weights[RARE]
    test_count = count_target(row_count, fractions.test)
    both_count = test_count + count_target(row_count, fractions.validation)
    test = _apportion(test_count, weights)
    return {"test": test, "validation": _apportion(both_count, weights) - test}


def _apportion(total: int, weights: Room) -> Room:
    """Whole numbers in proportion to the weights that sum to `total`, by largest remainders."""
    whole = weights.total()
    shares = Counter({label: total * weight // whole for label, weight in weights.items()})
    last = sorted(weights, key=lambda label: (-(total * weights[label] % whole), -weights[label], str(label)))
    shares.update(last[: total - shares.total()])
    return shares


def _take(free: Sequence[Unit], hand: Sequence[Unit], *, target: Room, most: int) -> list[Unit]:
    """At most `most` free units: first those that fit into the room of each of their labels, in their order.

    Then those that fit worst into labels last, as long as they bring the hand nearer to its number of rows.
    """
    standing = _count_labels(hand)
    budget, room = target.total() - standing.total(), target - standing
    taken: list[Unit] = []
    passed: list[Unit] = []
    for unit in free:
        fits = all(count <= room[label] for label, count in unit.labels.items()) and len(unit.rows) <= budget
        if fits and len(taken) < most:
            taken.append(unit)
            room -= Counter(unit.labels)
            budget -= len(unit.rows)
        else:
            passed.append(unit)
    passed.sort(key=lambda unit: (_count_excess(unit, room), unit.order))
    for unit in passed if budget > 0 else ():
        is_trained_first = RARE in unit.labels and RARE not in target
        if len(unit.rows) < 2 * budget and not is_trained_first and len(taken) < most:
            taken.append(unit)
            budget -= len(unit.rows)
    if taken or hand or not most:
        return taken
    return [min(free, key=lambda unit: (RARE in unit.labels, len(unit.rows), unit.order))]


def _count_excess(unit: Unit, room: Room) -> int:
    """Rows beyond the room of their labels."""
    return sum(max(0, count - room[label]) for label, count in unit.labels.items())


def _count_labels(units: Iterable[Unit]) -> Room:
    counts: Room = Counter()
    for unit in units:
        counts.update(unit.labels)
    return counts
