"""Whatever the units: none is parted, what stands stays, shares come out, and the order of the units is nothing."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.splits.dealing import SIDES, Side, Unit, count_target, deal_units
from luthier.data.splits.options import EVEN_TENTHS, SplitFractions

LABELS = ("a", "b", "c", "d")


@st.composite
def lists_of_units(draw: st.DrawFn, *, largest: int = 6, least: int = 3) -> list[Unit]:
    sizes = draw(st.lists(st.integers(1, largest), min_size=least, max_size=120))
    dice = random.Random(draw(st.integers()))
    sides = draw(st.sampled_from([(None,), (None, None, *SIDES), SIDES]))
    units, row = [], 0
    for size in sizes:
        rows = tuple(range(row, row + size))
        row += size
        labels = Counter(dice.choice(LABELS) for _ in rows)
        units.append(Unit(rows, dice.randbytes(8), labels, dice.choice(sides)))
    return units


def singles(labels: list[str | None], seed: int = 0) -> list[Unit]:
    dice = random.Random(seed)
    return [Unit((row,), dice.randbytes(8), {label: 1}) for row, label in enumerate(labels)]


def count_labels(units: list[Unit], hands: dict[Side, list[int]]) -> dict[Side, Counter[str | None]]:
    """For units of one row each."""
    label_of = {unit.rows[0]: next(iter(unit.labels)) for unit in units}
    return {side: Counter(label_of[row] for row in rows) for side, rows in hands.items()}


@settings(max_examples=60, deadline=None)
@given(units=lists_of_units(), dice=st.randoms(use_true_random=False))
def test_every_unit_goes_whole_to_one_side_and_what_stands_stays(units: list[Unit], dice: random.Random) -> None:
    hands = deal_units(units, fractions=EVEN_TENTHS)
    assert sorted(row for rows in hands.values() for row in rows) == [row for unit in units for row in unit.rows]
    for unit in units:
        sides = [side for side, rows in hands.items() if set(unit.rows) & set(rows)]
        assert len(sides) == 1
        assert unit.side in (None, *sides)
    assert deal_units(dice.sample(units, len(units)), fractions=EVEN_TENTHS) == hands


@settings(max_examples=60, deadline=None)
@given(units=lists_of_units(largest=4, least=10))
def test_held_out_sides_are_as_near_to_their_shares_as_whole_units_allow(units: list[Unit]) -> None:
    free = [Unit(unit.rows, unit.order, {None: len(unit.rows)}) for unit in units]
    hands = deal_units(free, fractions=EVEN_TENTHS)
    sizes = [len(unit.rows) for unit in free]
    for side in ("validation", "test"):
        distance = abs(len(hands[side]) - count_target(sum(sizes), 0.1))
        assert distance <= max(max(sizes) / 2, min(sizes) - 1)


@pytest.mark.parametrize("count", [*range(10, 60), 300, 1001])
def test_single_rows_are_dealt_by_the_tenth(count: int) -> None:
    hands = deal_units(singles([None] * count), fractions=EVEN_TENTHS)
    assert len(hands["test"]) == len(hands["validation"]) == max(1, round(count / 10))


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(3, 90), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_each_label_has_its_share_on_each_side_to_within_a_row(counts: list[int], seed: int) -> None:
    labels: list[str | None] = [f"label {index}" for index, count in enumerate(counts) for _ in range(count)]
    units = singles(labels, seed)
    shown = count_labels(units, deal_units(units, fractions=SplitFractions(0.7, 0.15, 0.15)))
    total = len(labels)
    for index, count in enumerate(counts):
        for side in ("validation", "test"):
            fair = count_target(total, 0.15) * count / total
            assert abs(shown[side][f"label {index}"] - fair) < 2 - 1e-9
        both = (count_target(total, 0.15) * 2) * count / total
        assert abs(shown["validation"][f"label {index}"] + shown["test"][f"label {index}"] - both) < 1


def test_a_label_with_half_a_row_for_each_side_is_on_one_of_them() -> None:
    units = singles([f"label {index}" for index in range(40) for _ in range(5)])
    shown = count_labels(units, deal_units(units, fractions=EVEN_TENTHS))
    held_out = shown["validation"] + shown["test"]
    assert len(held_out) == 40
    assert set(held_out.values()) == {1}


def test_a_label_of_one_or_two_rows_is_trained_on() -> None:
    for seed in range(20):
        units = singles(["common"] * 200 + ["once", "twice", "twice"], seed)
        shown = count_labels(units, deal_units(units, fractions=EVEN_TENTHS))
        assert shown["train"]["once"] + shown["train"]["twice"] == 3
        assert shown["test"]["common"] == 20


def test_where_nearly_all_labels_are_rare_they_are_tested_too() -> None:
    units = singles([f"label {index}" for index in range(100)] + ["common"] * 10)
    shown = count_labels(units, deal_units(units, fractions=EVEN_TENTHS))
    assert shown["test"].total() == 11
    assert shown["test"]["common"] == 1


def test_new_rows_fill_the_side_that_is_short_of_them() -> None:
    dice = random.Random(0)
    standing = [Unit((row,), dice.randbytes(8), {None: 1}, "train") for row in range(80)]
    standing += [
        Unit((80,), dice.randbytes(8), {None: 1}, "test"),
        Unit((81,), dice.randbytes(8), {None: 1}, "validation"),
    ]
    new = [Unit((row,), dice.randbytes(8), {None: 1}) for row in range(82, 100)]
    hands = deal_units(standing + new, fractions=EVEN_TENTHS)
    assert {side: len(rows) for side, rows in hands.items()} == {"train": 80, "validation": 10, "test": 10}


def test_the_labels_that_a_side_is_short_of_are_dealt_to_it() -> None:
    dice = random.Random(0)
    standing = [Unit((row,), dice.randbytes(8), {"a": 1}, "test") for row in range(5)]
    new = [Unit((row,), dice.randbytes(8), {"b" if row % 2 else "a": 1}) for row in range(5, 100)]
    hands = deal_units(standing + new, fractions=EVEN_TENTHS)
    assert len(hands["test"]) == 10
    assert sum(row >= 5 and row % 2 for row in hands["test"]) == 5


def test_another_order_deals_otherwise_and_each_row_gets_its_turn() -> None:
    tested = Counter(
        row for seed in range(400) for row in deal_units(singles([None] * 30, seed), fractions=EVEN_TENTHS)["test"]
    )
    # Each row is tested 40 times on average, with a standard deviation of 6.
    assert len(tested) == 30
    assert all(10 < times < 70 for times in tested.values())


def test_large_units_still_leave_someone_to_test() -> None:
    units = [Unit(tuple(range(start, start + 50)), bytes([start]), {None: 50}) for start in (0, 50, 100)]
    hands = deal_units(units, fractions=EVEN_TENTHS)
    assert [len(rows) for rows in hands.values()] == [50, 50, 50]


def test_a_unit_that_overshoots_less_than_it_fills_is_taken() -> None:
    units = [Unit(tuple(range(start, start + 30)), bytes([start // 2]), {None: 30}) for start in range(0, 500, 30)]
    hands = deal_units(units, fractions=EVEN_TENTHS)
    assert len(hands["test"]) == 60


@pytest.mark.parametrize("fractions", [SplitFractions(0.05, 0.9, 0.05), SplitFractions(0.01, 0.01, 0.98)])
def test_no_side_is_empty_whatever_the_fractions(fractions: SplitFractions) -> None:
    for count in range(3, 40):
        assert all(deal_units(singles([None] * count), fractions=fractions).values())


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_units_leave_a_side_empty(count: int) -> None:
    assert not all(deal_units(singles([None] * count), fractions=EVEN_TENTHS).values())
