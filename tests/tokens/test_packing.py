"""Rows end to end: lengths, positions and targets."""

from __future__ import annotations

from luthier.tokens.encode import EncodedExample
from luthier.tokens.packing import pack_examples, split_by_tokens

ONE = EncodedExample((5, 6, 7), (False, False, True))
TWO = EncodedExample((8, 9), (False, True))


def test_a_target_is_predicted_from_the_place_before_it() -> None:
    batch = pack_examples([ONE, TWO])
    assert batch.input_ids.tolist() == [[5, 6, 7, 8, 9]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 0, 1]]
    assert batch.document_lengths == (3, 2)
    assert batch.target_positions.tolist() == [1, 3]
    assert batch.labels.tolist() == [7, 9]


def test_no_group_exceeds_the_budget_and_no_row_is_lost() -> None:
    groups = split_by_tokens([ONE, TWO, TWO, ONE, ONE], 5)
    assert groups == [[ONE, TWO], [TWO, ONE], [ONE]]


def test_a_row_longer_than_the_budget_stands_alone() -> None:
    assert split_by_tokens([TWO, ONE, TWO], 2) == [[TWO], [ONE], [TWO]]
