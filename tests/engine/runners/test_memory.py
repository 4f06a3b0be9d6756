"""Shelves keep what was put on them while rows come, grow and go, and never take more than the budget has."""

from __future__ import annotations

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


def test_bytes_are_those_of_the_tensors() -> None:
    run = allocate_run(SHAPE, 5)
    assert sum(tensor.numel() * tensor.itemsize for tensor in run.tensors) == 5 * SHAPE.token_bytes
