"""A prefix tree becomes blocks of queries with the keys they may see, grouped so that few large products do it all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.tokens.tree import PrefixTree

LONGEST_BLOCK = 128
"""Queries: a longer segment is cut, since a block also computes the scores that causality then hides."""

LARGEST_WASTE = 1.25
WASTE_FOR_FREE = 2**14
"""Scores of one head: blocks are put side by side while padding adds no more than the one as a factor and the other as
a sum, which is what another group would cost in calls."""

LARGEST_GROUP = 2**20
"""Scores of one head: what is in flight should stay in the cache."""


class Stretch(NamedTuple):
    """Places [start, end) of the packed row."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


class Block(NamedTuple):
    """Queries of one segment; before their own keys they see those in `shared`, which hold the rows' first tokens."""

    queries: Stretch
    shared: tuple[Stretch, ...]

    @property
    def position(self) -> int:
        """Of the first query in its rows."""
        return sum(stretch.length for stretch in self.shared)

    @property
    def key_count(self) -> int:
        return self.position + self.queries.length


class SharedKeys(NamedTuple):
    """Keys that are not those of the block's own queries: where they stand, for which blocks, in which columns."""

    places: Stretch
    blocks: torch.Tensor  # (m,)
    first_column: int


@dataclass(frozen=True, eq=False)
class BlockGroup:
    """n blocks side by side, padded to L queries and K keys; what pads is another place's copy."""

    query_places: torch.Tensor  # (n * L,)
    key_places: torch.Tensor  # (n * K,)
    mask: torch.Tensor  # (n, L, K): 0 where a query sees a key, else -inf
    is_query: torch.Tensor | None  # (n * L, 1, 1): 1 where it is one and 0 where it pads; None without padding
    shared_keys: tuple[SharedKeys, ...]

    @property
    def shape(self) -> torch.Size:
        """n, L and K."""
        return self.mask.shape


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """The orders tell for each place where its query, or its key for that query, stands among those of all groups."""

    groups: tuple[BlockGroup, ...]
    query_order: torch.Tensor  # (T,)
    key_order: torch.Tensor  # (T,)


@lru_cache(maxsize=2)
def plan_blocks(tree: PrefixTree, window: int | None, dtype: torch.dtype) -> BlockPlan:
    """The same for all layers with the same `window`, the positions that a query sees, itself included."""
    grouped = list(_group(list(_cut(tree))))
    query_order = torch.empty(tree.token_count, dtype=torch.long)
    key_order = torch.empty(tree.token_count, dtype=torch.long)
    queries_before = keys_before = 0
    for blocks in grouped:
        width, depth = _measure(blocks)
        for block in blocks:
            numbers = torch.arange(block.queries.length)
            query_order[slice(*block.queries)] = queries_before + numbers
            key_order[slice(*block.queries)] = keys_before + block.position + numbers
            queries_before, keys_before = queries_before + width, keys_before + depth
    return BlockPlan(tuple(_build_group(blocks, window, dtype) for blocks in grouped), query_order, key_order)


def _cut(tree: PrefixTree) -> Iterator[Block]:
    for segment, path in zip(tree.segments, tree.paths, strict=True):
        above = tuple(Stretch(tree.segments[index].start, tree.segments[index].end) for index in path)
        for start in range(segment.start, segment.end, LONGEST_BLOCK):
            end = min(start + LONGEST_BLOCK, segment.end)
            before = (Stretch(segment.start, start),) if start > segment.start else ()
            yield Block(Stretch(start, end), (*above, *before))


def _group(blocks: list[Block]) -> Iterator[tuple[Block, ...]]:
    """Neighbours in size share a group; a stable sort leaves equal ones in the order of their places."""
    group: list[Block] = []
    needed = 0
    for block in sorted(blocks, key=lambda block: (-block.key_count, -block.queries.length)):
        scores = block.queries.length * block.key_count
        width, depth = _measure((*group, block))
        padded = (len(group) + 1) * width * depth
        if group and padded > min(LARGEST_WASTE * (needed + scores) + WASTE_FOR_FREE, LARGEST_GROUP):
            yield tuple(group)
            group, needed = [], 0
        group.append(block)
        needed += scores
    yield tuple(group)


def _measure(blocks: Sequence[Block]) -> tuple[int, int]:
    """L and K"""
    return max(block.queries.length for block in blocks), max(block.key_count for block in blocks)


def _build_group(blocks: tuple[Block, ...], window: int | None, dtype: torch.dtype) -> BlockGroup:
    width, depth = _measure(blocks)
    query_places = torch.zeros(len(blocks), width, dtype=torch.long)
    key_places = torch.zeros(len(blocks), depth, dtype=torch.long)
    for number, block in enumerate(blocks):
        query_places[number, : block.queries.length] = torch.arange(*block.queries)
        stretches = (*block.shared, block.queries)
        key_places[number, : block.key_count] = torch.cat([torch.arange(*stretch) for stretch in stretches])
    lengths = torch.tensor([block.queries.length for block in blocks])
    is_query = (torch.arange(width) < lengths[:, None]).to(dtype).view(-1, 1, 1)
    return BlockGroup(
        query_places.flatten(),
        key_places.flatten(),
        _build_mask(blocks, window, dtype),
        None if is_query.all() else is_query,
        tuple(_list_shared(blocks)),
    )


def _build_mask(blocks: tuple[Block, ...], window: int | None, dtype: torch.dtype) -> torch.Tensor:
    """A key's position is its column, so keys that pad lie behind every query that does not."""
    width, depth = _measure(blocks)
    positions = torch.tensor([block.position for block in blocks])[:, None] + torch.arange(width)
    distances = positions[:, :, None] - torch.arange(depth)
    hidden = distances < 0 if window is None else (distances < 0) | (distances >= window)
    hidden &= ~hidden.all(2, keepdim=True)  # queries that pad may have left every key behind
    return torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, float("-inf"))


def _list_shared(blocks: tuple[Block, ...]) -> Iterator[SharedKeys]:
    members: dict[tuple[Stretch, int], list[int]] = {}
    for number, block in enumerate(blocks):
        column = 0
        for stretch in block.shared:
            members.setdefault((stretch, column), []).append(number)
            column += stretch.length
    for (places, column), numbers in members.items():
        yield SharedKeys(places, torch.tensor(numbers), column)
