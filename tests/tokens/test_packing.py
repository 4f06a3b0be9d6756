"""Rows in one: positions, targets, and which row has which target."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from luthier.tokens.encode import EncodedExample
from luthier.tokens.packing import pack_rows, split_by_tokens

ONE = EncodedExample((5, 6, 7), (False, False, True))
TWO = EncodedExample((8, 9), (False, True))
BEGINNING = tuple(range(100, 120))


def continue_beginning(*tokens: int, trains_beginning: bool = False) -> EncodedExample:
    """The last two tokens of the beginning are trained as well if it says so."""
    flags = (False,) * 18 + (trains_beginning,) * 2
    return EncodedExample((*BEGINNING, *tokens), (*flags, *(True,) * len(tokens)))


def test_a_target_is_predicted_from_the_place_before_it() -> None:
    batch = pack_rows([ONE, TWO])
    assert batch.input_ids.tolist() == [[5, 6, 7, 8, 9]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 0, 1]]
    assert batch.target_positions.tolist() == [1, 3]
    assert batch.labels.tolist() == [7, 9]
    assert batch.target_weights.tolist() == [1, 1]


def test_rows_that_begin_alike_stand_on_one_beginning() -> None:
    batch = pack_rows([continue_beginning(1, 2), continue_beginning(3)])
    assert batch.input_ids.tolist() == [[*BEGINNING, 1, 2, 3]]
    assert batch.position_ids.tolist() == [[*range(20), 20, 21, 20]]
    # The beginning's last place predicts how either of them goes on.
    assert batch.target_positions.tolist() == [19, 19, 20]
    assert batch.labels.tolist() == [1, 3, 2]


def test_a_target_that_rows_share_counts_for_each_of_them() -> None:
    rows = [continue_beginning(1, trains_beginning=True), continue_beginning(2, trains_beginning=True)]
    batch = pack_rows(rows)
    assert batch.target_weights.tolist() == [2, 2, 1, 1]
    assert batch.sum_by_row(torch.tensor([100.0, 10.0, 1.0, 2.0])).tolist() == [111, 112]


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=6), st.booleans())
def test_rows_have_the_same_targets_however_they_are_packed(flags: list[list[bool]], shares_prefixes: bool) -> None:
    rows = [EncodedExample((*BEGINNING, *range(len(row))), (False,) * 20 + tuple(row)) for row in flags]
    batch = pack_rows(rows, shares_prefixes=shares_prefixes)
    found: list[list[tuple[int, int]]] = [[] for _ in rows]
    for row, target in zip(batch.edge_rows.tolist(), batch.edge_targets.tolist(), strict=True):
        place = int(batch.target_positions[target])
        found[row].append((int(batch.position_ids[0, place]) + 1, int(batch.labels[target])))
    assert [sorted(targets) for targets in found] == [
        [(place, token) for place, (token, flag) in enumerate(zip(row.ids, row.is_target, strict=True)) if flag]
        for row in rows
    ]
    assert batch.target_weights.sum() == sum(row.target_count for row in rows)


def test_no_group_exceeds_the_budget_and_no_row_is_lost() -> None:
    groups = split_by_tokens([ONE, TWO, TWO, ONE, ONE], 5)
    assert [sum(len(row.ids) for row in group) <= 5 for group in groups] == [True] * len(groups)
    assert sorted(row.ids for group in groups for row in group) == [ONE.ids] * 3 + [TWO.ids] * 2


def test_a_row_longer_than_the_budget_stands_alone() -> None:
    assert split_by_tokens([TWO, ONE, TWO], 2) == [[ONE], [TWO], [TWO]]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=10), st.integers(25, 120))
def test_what_is_computed_stays_within_the_budget(lengths: list[int], budget: int) -> None:
    rows = [continue_beginning(*range(length)) for length in lengths]
    for group in split_by_tokens(rows, budget):
        assert len(group) == 1 or pack_rows(group).tree.token_count <= budget


def test_sharing_makes_room_for_more_rows() -> None:
    rows = [continue_beginning(token, token) for token in range(30)]
    assert len(split_by_tokens(rows, 300)) == 1
