"""Rows that begin alike share segments, and each row can be read off its path again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.tokens.tree import SHORTEST_SHARED, GrownTree, PrefixTree, Segment, count_common, grow_tree

SYSTEM = tuple(range(100, 120))
HISTORY = (*SYSTEM, *range(200, 230))

rows_of_few_tokens = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=40).map(tuple), min_size=1, max_size=12)
branching_rows = st.lists(
    st.tuples(st.integers(0, 50), st.lists(st.integers(0, 3), min_size=1, max_size=12)).map(
        lambda parts: (*HISTORY[: parts[0]], *parts[1])
    ),
    min_size=1,
    max_size=12,
)


def read_rows(grown: GrownTree, packed: list[int]) -> list[tuple[int, ...]]:
    segments = grown.tree.segments
    return [
        tuple(token for index in path for token in packed[segments[index].start : segments[index].end])
        for path in grown.row_segments
    ]


def pack(rows: list[tuple[int, ...]], grown: GrownTree) -> list[int]:
    packed = [-1] * grown.tree.token_count
    for row, path in zip(rows, grown.row_segments, strict=True):
        for index in path:
            segment = grown.tree.segments[index]
            packed[segment.start : segment.end] = row[segment.position : segment.position + segment.length]
    return packed


@given(st.one_of(rows_of_few_tokens, branching_rows), st.booleans())
def test_every_row_can_be_read_off_its_path(rows: list[tuple[int, ...]], shares_prefixes: bool) -> None:
    grown = grow_tree(rows, shares_prefixes=shares_prefixes)
    packed = pack(rows, grown)
    assert read_rows(grown, packed) == rows
    assert -1 not in packed


@given(st.one_of(rows_of_few_tokens, branching_rows))
def test_segments_lie_end_to_end_and_go_on_where_their_parents_end(rows: list[tuple[int, ...]]) -> None:
    tree = grow_tree(rows).tree
    start = 0
    for index, segment in enumerate(tree.segments):
        assert segment.start == start
        assert segment.length > 0
        assert segment.parent < index
        above = tree.segments[segment.parent] if segment.parent >= 0 else Segment(0, 0, -1, 0)
        assert segment.position == above.position + above.length
        assert tree.paths[index] == ((*tree.paths[segment.parent], segment.parent) if segment.parent >= 0 else ())
        start = segment.end


@given(st.one_of(rows_of_few_tokens, branching_rows))
def test_no_two_rows_leave_much_unshared(rows: list[tuple[int, ...]]) -> None:
    grown = grow_tree(rows)
    for one, path in zip(rows, grown.row_segments, strict=True):
        for other, other_path in zip(rows, grown.row_segments, strict=True):
            shared = sum(grown.tree.segments[index].length for index in set(path) & set(other_path))
            assert count_common(one, other) - SHORTEST_SHARED < shared <= count_common(one, other)


def test_a_system_prompt_and_a_history_are_computed_once() -> None:
    grown = grow_tree([(*SYSTEM, 1, 2), (*HISTORY, 3), (*HISTORY, 4, 5), (*HISTORY, 4, 5), (6, 7)])
    assert [(segment.length, segment.parent) for segment in grown.tree.segments] == [
        (2, -1),
        (20, -1),
        (2, 1),
        (30, 1),
        (1, 3),
        (2, 3),
    ]
    assert grown.row_segments == [(1, 2), (1, 3, 4), (1, 3, 5), (1, 3, 5), (0,)]


def test_a_short_common_beginning_is_not_worth_a_segment() -> None:
    beginning = SYSTEM[: SHORTEST_SHARED - 1]
    assert grow_tree([(*beginning, 1), (*beginning, 2)]).tree.is_flat
    assert not grow_tree([(*SYSTEM[:SHORTEST_SHARED], 1), (*SYSTEM[:SHORTEST_SHARED], 2)]).tree.is_flat


def test_a_row_that_ends_where_another_goes_on_shares_all_of_itself() -> None:
    grown = grow_tree([(*SYSTEM, 1), SYSTEM])
    assert grown.row_segments == [(0, 1), (0,)]


def test_without_sharing_rows_stand_as_they_came() -> None:
    grown = grow_tree([HISTORY, SYSTEM, HISTORY], shares_prefixes=False)
    assert grown.tree == PrefixTree((Segment(0, 50, -1, 0), Segment(50, 20, -1, 0), Segment(70, 50, -1, 0)))


def test_thousands_of_nested_rows_need_no_deep_recursion() -> None:
    long = tuple(range(20_000))
    grown = grow_tree([long[:end] for end in range(10, 20_001, 10)])
    assert grown.tree.token_count == 20_000
    assert len(grown.row_segments[-1]) == 2_000


@pytest.mark.parametrize(("one", "other", "common"), [((), (1,), 0), ((1, 2), (1, 2), 2), ((1, 2), (1, 3), 1)])
def test_common_tokens_are_counted(one: tuple[int, ...], other: tuple[int, ...], common: int) -> None:
    assert count_common(one, other) == common
