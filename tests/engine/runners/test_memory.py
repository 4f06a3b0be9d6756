"""Shelves keep what was put on them while rows come, grow and go, and never take more than the budget has."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.engine.runners.memory import (
    STRIDE,
    Budget,
    Run,
    Shape,
    Shelf,
    allocate_run,
    join_runs,
    list_bounds,
    shift_run,
)
from luthier.errors import OutOfMemory

SHAPE = Shape(layers=2, heads=2, head_size=3, dtype=torch.float32, device=torch.device("cpu"))
LIMIT = 20 * STRIDE


def make_run(length: int, mark: float) -> Run:
    run = allocate_run(SHAPE, length)
    for number, tensor in enumerate(run.tensors):
        tensor.fill_(mark + number / 10)
    return run


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["put", "drop", "grow", "trim"]), st.integers(1, 300)), max_size=30))
def test_rows_keep_their_contents_whatever_happens_beside_them(steps: list[tuple[str, int]]) -> None:
    budget = Budget(LIMIT)
    shelf = Shelf(SHAPE, budget, longest=LIMIT)
    marks: list[tuple[float, int]] = []  # of each row, by its place
    for number, (step, size) in enumerate(steps, start=1):
        if step == "put" and shelf.fit(shelf.count + 1, size):
            place = shelf.take_row()
            shelf.view(place, size).write(0, make_run(size, number))
            marks.append((number, size))
        elif step == "drop" and marks:
            place = size % len(marks)
            shelf.drop_row(place)
            last = marks.pop()
            if place < len(marks):
                marks[place] = last
        elif step == "grow":
            shelf.fit(shelf.count, size)
        elif step == "trim":
            shelf.trim()
        assert budget.used == shelf.rows * shelf.length <= LIMIT
        assert shelf.count == len(marks) <= shelf.rows
        for place, (mark, length) in enumerate(marks):
            for part, tensor in enumerate(shelf.view(place, length).tensors):
                assert (tensor == mark + part / 10).all()


def test_what_does_not_fit_changes_nothing() -> None:
    budget = Budget(4 * STRIDE)
    shelf = Shelf(SHAPE, budget, longest=LIMIT)
    assert shelf.fit(2, STRIDE)
    needed = shelf.count_tokens_to_fit(4, 2 * STRIDE)
    assert needed == 6 * STRIDE > budget.free
    assert not shelf.fit(4, 2 * STRIDE)
    assert (shelf.rows, shelf.length, budget.used) == (2, STRIDE, 2 * STRIDE)


def test_an_empty_shelf_gives_all_its_memory_back() -> None:
    budget = Budget(LIMIT)
    shelf = Shelf(SHAPE, budget, longest=LIMIT)
    shelf.fit(3, 100)
    shelf.take_row()
    shelf.drop_row(0)
    shelf.trim()
    assert (budget.used, shelf.tensors) == (0, [])


def test_runs_are_cut_without_copying_and_joined_by_copying() -> None:
    run = make_run(10, 1)
    assert run.cut(2, 5).tensors[0].untyped_storage().data_ptr() == run.tensors[0].untyped_storage().data_ptr()
    joined = join_runs(SHAPE, [run.cut(0, 4), make_run(3, 2)])
    assert joined.length == 7
    assert joined.tensors[1][0, :, 0].tolist() == torch.tensor([1.1] * 4 + [2.1] * 3).tolist()


def test_what_is_dropped_from_the_front_makes_the_rest_move_up() -> None:
    run = join_runs(SHAPE, [make_run(4, 1), make_run(5, 2)])
    shift_run(run, 3)
    assert run.tensors[0][1, :6, 0].tolist() == [1, 2, 2, 2, 2, 2]


def test_bounds_reach_what_is_asked() -> None:
    assert list(list_bounds(1)) == [256]
    assert list(list_bounds(1500)) == [256, 1024, 4096]
    assert list(list_bounds(256)) == [256, 1024], "one token more may be asked for"


def test_bytes_are_those_of_the_tensors() -> None:
    run = allocate_run(SHAPE, 5)
    assert sum(tensor.numel() * tensor.itemsize for tensor in run.tensors) == 5 * SHAPE.token_bytes


class ShortShape(Shape):
    """One of the next tensors finds no memory."""

    calls_left = 0

    def allocate(self, rows: int, length: int) -> torch.Tensor:
        ShortShape.calls_left -= 1
        if ShortShape.calls_left == 0:
            raise torch.OutOfMemoryError("made up")
        return super().allocate(rows, length)


@pytest.mark.parametrize("failing", range(1, 6))
@pytest.mark.parametrize(("rows", "length"), [(3, 300), (12, 100)])
def test_a_shelf_that_finds_no_memory_while_it_grows_is_what_it_was(failing: int, rows: int, length: int) -> None:
    """The first attempt is for all at once, then each layer's keys and values come in turn."""
    budget = Budget(LIMIT * 10)
    shelf = Shelf(ShortShape(*SHAPE), budget, longest=LIMIT)
    assert shelf.fit(3, 100)
    for mark in range(3):
        shelf.fill_row(shelf.take_row(), [make_run(100, mark)])
    sizes = shelf.rows, shelf.length, budget.used
    ShortShape.calls_left = failing
    with pytest.raises(OutOfMemory):
        shelf.fit(rows, length)
    assert (shelf.rows, shelf.length, budget.used) == sizes
    for mark in range(3):
        for part, tensor in enumerate(shelf.view(mark, 100).tensors):
            assert (tensor == mark + part / 10).all()
    assert {tuple(tensor.shape) for tensor in shelf.tensors} == {(shelf.rows, 2, shelf.length, 3)}
    assert shelf.fit(rows, length)


def test_rooms_that_cannot_be_given_back_now_stay() -> None:
    shelf = Shelf(ShortShape(*SHAPE), Budget(LIMIT), longest=LIMIT)
    shelf.fit(4, 100)
    shelf.fill_row(shelf.take_row(), [make_run(100, 1)])
    ShortShape.calls_left = 1
    shelf.trim()
    assert shelf.rows == 4
    shelf.trim()
    assert shelf.rows == 1


def test_a_row_holds_nothing_of_the_one_before_it() -> None:
    shelf = Shelf(SHAPE, Budget(LIMIT), longest=LIMIT)
    shelf.fit(1, 100)
    shelf.fill_row(shelf.take_row(), [make_run(100, math.nan)])
    shelf.drop_row(0)
    shelf.fill_row(shelf.take_row(), [make_run(5, 1), make_run(5, 2)])
    assert shelf.view(0, 100).tensors[0][0, :, 0].tolist() == [1.0] * 5 + [2.0] * 5 + [0.0] * 90
