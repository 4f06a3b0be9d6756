from __future__ import annotations

from itertools import pairwise, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.evaluation.graders.fields.alignment import Pair, pair_by_key, pair_equal, pair_in_order, pair_sets

tables = st.integers(0, 4).flatmap(
    lambda columns: st.lists(st.lists(st.integers(0, 3), min_size=columns, max_size=columns), max_size=4)
)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_sets_are_paired_as_well_as_any_pairing_could(table: list[list[int]]) -> None:
    rows, columns = range(len(table)), range(len(table[0]) if table else 0)
    pairs = pair_sets(rows, columns, lambda mine, theirs: table[mine][theirs])
    longer, shorter = (rows, columns) if len(rows) >= len(columns) else (columns, rows)
    best = max(
        sum(table[a][b] if len(rows) >= len(columns) else table[b][a] for a, b in zip(some, shorter, strict=True))
        for some in permutations(longer, len(shorter))
    )
    assert sum(table[mine][theirs] for mine, theirs in pairs) == best
    assert len({pair.mine for pair in pairs}) == len({pair.theirs for pair in pairs}) == len(pairs)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_pairs_in_order_never_cross_and_share_the_most(table: list[list[int]]) -> None:
    rows, columns = len(table), len(table[0]) if table else 0
    pairs = pair_in_order(range(rows), range(columns), lambda mine, theirs: table[mine][theirs])
    assert pairs == sorted(pairs)
    assert all(a.mine < b.mine and a.theirs < b.theirs for a, b in pairwise(pairs))

    def best_from(row: int, column: int) -> int:
        if row == rows or column == columns:
            return 0
        together = table[row][column] + best_from(row + 1, column + 1)
        return max(together, best_from(row + 1, column), best_from(row, column + 1))

    assert sum(table[mine][theirs] for mine, theirs in pairs) == best_from(0, 0)


def test_elements_alike_are_still_paired_in_order() -> None:
    assert pair_in_order([0, 1], [0, 1], lambda mine, theirs: 0) == [Pair(0, 0), Pair(1, 1)]
    assert pair_sets([0, 1], [0, 1], lambda mine, theirs: 0) == []


def test_equal_elements_are_paired_at_both_ends_or_anywhere() -> None:
    assert pair_equal([1, 2, 9, 4], [1, 2, 3, 3, 4], in_order=True) == [Pair(0, 0), Pair(1, 1), Pair(3, 4)]
    assert pair_equal(["b", "a", "b"], ["a", "b", "c", "b"], in_order=False) == [Pair(1, 0), Pair(0, 1), Pair(2, 3)]
    assert pair_equal([1, 1], [1], in_order=True) == [Pair(0, 0)]
    assert pair_equal([], [1], in_order=True) == pair_equal([], [1], in_order=False) == []


def test_objects_are_found_by_their_key() -> None:
    wanted = [{"sku": "a"}, {"sku": 1}, {"sku": "1"}, {"sku": "z"}]
    got = [{"sku": 1}, {"sku": "a"}, "no object", {"sku": "a"}, {"sku": None}]
    assert pair_by_key(got, wanted, "sku") == [Pair(1, 0), Pair(0, 1)]
