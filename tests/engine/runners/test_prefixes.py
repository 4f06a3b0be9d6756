"""What sequences begin with is found again by adapter and tokens, shared where many use it, and given up in time."""

from __future__ import annotations

import math

import pytest
import torch

from luthier.engine.adapters.adapter import Adapter
from luthier.engine.runners.memory import STRIDE, Budget, Run, Shape, allocate_run
from luthier.engine.runners.prefixes import IDLE_SHARED, LARGEST_WASTE, Prefixes, choose_shared_length

SHAPE = Shape(layers=1, heads=1, head_size=2, dtype=torch.float32, device=torch.device("cpu"))
ADAPTER, OTHER = Adapter("one", "1", {}), Adapter("other", "2", {})


def make_run(length: int, mark: float = 0.0) -> Run:
    run = allocate_run(SHAPE, length)
    for tensor in run.tensors:
        tensor.fill_(mark)
    return run


def make_prefixes(limit: int = 10_000) -> Prefixes:
    return Prefixes(SHAPE, Budget(limit))


@pytest.mark.parametrize(
    ("common", "length"),
    [([], 0), ([31], 0), ([40], 40), ([40, 40, 90], 40), ([40, 90, 90], 90), ([99, 99], 98), ([100, 100], 98)],
)
def test_the_beginning_that_saves_most_is_shared(common: list[int], length: int) -> None:
    ids = list(range(99))
    peers = [[*ids[:count], *([-1] * 5)] for count in common]
    assert choose_shared_length(ids, peers) == length


def test_what_was_kept_is_found_by_its_adapter_alone() -> None:
    prefixes = make_prefixes()
    prefixes.keep([1, 2, 3, 4], ADAPTER, [make_run(4)])
    match = prefixes.find_kept([1, 2, 3, 9], ADAPTER)
    assert match is not None
    assert match.length == 3
    assert prefixes.find_kept([1, 2, 3, 9], OTHER) is None
    assert prefixes.find_kept([1, 2, 3, 9], None) is None
    whole = prefixes.find_kept([1, 2, 3, 4], ADAPTER)
    assert whole is not None
    assert whole.length == 3, "the last token is always computed: its logits are needed"


def test_a_longer_run_replaces_what_it_continues() -> None:
    prefixes = make_prefixes()
    budget = prefixes._budget
    prefixes.keep([1, 2, 3], None, [make_run(3)])
    prefixes.keep([1, 2, 3, 4, 5], None, [make_run(3), make_run(2)])
    assert budget.used == 5


def test_shared_beginnings_hold_what_was_computed_and_the_longest_is_taken() -> None:
    prefixes = make_prefixes()
    short = prefixes.share([1, 2], None, [make_run(2, 7)])
    long = prefixes.share([1, 2, 3, 4], None, [make_run(2, 7), make_run(2, 8)])
    assert short is not None
    assert long is not None
    assert prefixes.view(long).tensors[0][0, :, 0].tolist() == [7, 7, 8, 8]
    assert prefixes.find_shared([1, 2, 3, 4, 5], None) is long
    assert prefixes.find_shared([1, 2, 3, 4], None) is short, "a row needs a token of its own"
    assert prefixes.find_shared([1, 2, 3, 4, 5], ADAPTER) is None


def test_the_oldest_leave_first_and_never_what_is_used() -> None:
    prefixes = make_prefixes(limit=300)
    prefixes.keep([1] * 50, None, [make_run(50)])
    prefixes.keep([2] * 50, None, [make_run(50)])
    prefixes.find_kept([1] * 50, None)
    shared = prefixes.share([3] * 40, None, [make_run(40)])
    assert shared is not None
    prefixes.use(shared)
    assert prefixes.evict(150)
    assert prefixes.find_kept([2] * 50, None) is None
    assert prefixes.find_kept([1] * 50, None) is not None
    assert not prefixes.evict(290)
    assert prefixes.shared == [shared]
    shared.users = 0
    assert prefixes.evict(300)
    assert prefixes.shared == []


def test_dropping_one_moves_the_last_to_its_place() -> None:
    prefixes = make_prefixes()
    made = [prefixes.share([mark] * 40, None, [make_run(40, mark)]) for mark in range(IDLE_SHARED + 2)]
    for shared in made[1:]:
        assert shared is not None
        prefixes.use(shared)
    assert prefixes.evict(10)
    prefixes.share([99] * 40, None, [make_run(40, 99)])
    prefixes._drop_idle_shared(0)
    for place, shared in enumerate(prefixes.shared):
        assert shared.place == place
        assert (prefixes.view(shared).tensors[0] == shared.ids[0]).all()


def test_a_beginning_that_would_blow_the_shelf_up_is_not_shared() -> None:
    prefixes = make_prefixes(limit=100_000)
    for mark in range(LARGEST_WASTE + 4):
        shared = prefixes.share([mark] * 40, None, [make_run(40)])
        assert shared is not None
        prefixes.use(shared)
    assert prefixes.share([77] * 4000, None, [make_run(4000)]) is None


def test_a_long_beginning_that_nobody_uses_does_not_stand_in_the_way_of_short_ones() -> None:
    prefixes = make_prefixes(limit=100_000)
    prefixes.share([1] * 4000, None, [make_run(4000)])
    for mark in range(LARGEST_WASTE + 4):
        shared = prefixes.share([100 + mark] * 40, None, [make_run(40)])
        assert shared is not None
        prefixes.use(shared)
    assert prefixes.shelf.length == STRIDE, "attention reads the whole length at every step"


def test_what_is_no_number_is_not_shared() -> None:
    assert make_prefixes().share([1] * 40, None, [make_run(20), make_run(20, math.inf)]) is None


def test_what_finds_no_memory_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    prefixes = make_prefixes()

    def find_none(shape: Shape, runs: list[Run]) -> Run:
        raise torch.OutOfMemoryError("made up")

    monkeypatch.setattr("luthier.engine.runners.prefixes.join_runs", find_none)
    prefixes.keep([1, 2, 3], None, [make_run(3)])
    assert prefixes._budget.used == 0
    assert prefixes.find_kept([1, 2, 3], None) is None


def test_all_of_an_adapter_that_leaves_is_forgotten() -> None:
    prefixes = make_prefixes()
    prefixes.keep([1, 2], ADAPTER, [make_run(2)])
    prefixes.share([1] * 40, ADAPTER, [make_run(40)])
    prefixes.keep([5, 6], OTHER, [make_run(2)])
    prefixes.forget(ADAPTER)
    assert prefixes.find_kept([1, 2, 3], ADAPTER) is None
    assert prefixes.shared == []
    assert prefixes.find_kept([5, 6], OTHER) is not None
