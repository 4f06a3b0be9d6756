"""How a step is parted, without any other process being there; what needs two is in tests/invariants."""

from __future__ import annotations

import pytest
import torch

from luthier.errors import InvalidConfig
from luthier.settings import Launch
from luthier.tokens.encode import EncodedExample
from luthier.training.processes.group import ALONE, ProcessGroup, join_group, main_first
from luthier.training.processes.group import _fill_buckets as fill_buckets


def make_item(tokens: int) -> EncodedExample:
    return EncodedExample((0,) * tokens, (False,) + (True,) * (tokens - 1))


def share(items: list[EncodedExample], size: int) -> list[list[EncodedExample]]:
    return [ProcessGroup(rank, size, torch.device("cpu")).share(items) for rank in range(size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_each_item_goes_to_one_process_and_keeps_its_place_among_the_others(size: int, count: int) -> None:
    items = [make_item(2 + (5 * number) % 11) for number in range(count)]
    parts = share(items, size)
    places = [[next(p for p, other in enumerate(items) if other is item) for item in part] for part in parts]
    assert sorted(place for part in places for place in part) == list(range(count))
    assert all(part == sorted(part) for part in places)


def test_the_longest_item_is_balanced_by_several_short_ones() -> None:
    parts = share([make_item(tokens) for tokens in (30, 10, 10, 10)], 2)
    assert [[item.token_count for item in part] for part in parts] == [[30], [10, 10, 10]]


def test_a_step_smaller_than_the_group_leaves_processes_without_work() -> None:
    assert [len(part) for part in share([make_item(5)], 3)] == [1, 0, 0]


def test_one_process_alone_has_all_of_it() -> None:
    items = [make_item(4), make_item(2)]
    assert ALONE.share(items) == items
    assert [batch.counts for batch in ALONE.align([items], items[0])] == [True]
    with join_group(Launch(world_size=1)) as group, main_first(group):
        assert group is ALONE


def test_buckets_hold_one_type_and_are_not_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luthier.training.processes.group.BUCKET_BYTES", 100)
    sizes = (10, 10, 10, 50, 1)
    parameters = [torch.nn.Parameter(torch.zeros(size)) for size in sizes]
    parameters.append(torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)))
    buckets = fill_buckets(parameters)
    assert [[parameter.numel() for parameter in bucket] for bucket in buckets] == [[10, 10], [10], [50], [1], [1]]


def test_processes_that_nobody_introduces_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(InvalidConfig, match="process 2 cannot find the others"),
        join_group(Launch(rank=1, world_size=2, local_rank=1, local_world_size=2)),
    ):
        pass
