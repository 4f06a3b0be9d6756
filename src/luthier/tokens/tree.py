"""Rows of tokens become a tree in which what several rows begin with stands once, so that it is computed once.

The rows' losses and gradients stay what they are: a token sees the tokens before it on its own row's path and no other.
Prefix sharing for training: https://arxiv.org/abs/2410.20305 and https://arxiv.org/abs/2511.00413.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHORTEST_SHARED = 8
"""Tokens: a shorter common beginning costs more in further pieces of attention than it saves."""


class Segment(NamedTuple):
    """A run of tokens in the packed row. `parent` is the index of the segment before it on its rows' paths, -1 for
    none, and `position` that of its first token in those rows."""

    start: int
    length: int
    parent: int
    position: int

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True)
class PrefixTree:
    """Segments in depth-first order, parents before children; end to end they are the packed row."""

    segments: tuple[Segment, ...]

    @cached_property
    def paths(self) -> tuple[tuple[int, ...], ...]:
        """For each segment the indices of those before it, from the root; without itself."""
        paths: list[tuple[int, ...]] = []
        for segment in self.segments:
            paths.append((*paths[segment.parent], segment.parent) if segment.parent >= 0 else ())
        return tuple(paths)

    @property
    def token_count(self) -> int:
        return self.segments[-1].end

    @property
    def is_flat(self) -> bool:
        """Whether no two rows share anything, so that each segment is a row."""
        return all(segment.parent < 0 for segment in self.segments)


class GrownTree(NamedTuple):
    """`row_segments` holds for each row, in the order they came, the segments of its path from the root."""

    tree: PrefixTree
    row_segments: list[tuple[int, ...]]


def grow_tree(rows: Sequence[tuple[int, ...]], *, shares_prefixes: bool = True) -> GrownTree:
    """`rows` are token ids, none empty. Without sharing, each row becomes one segment, in the order they came."""
    if not shares_prefixes:
        return _line_up(rows)
    segments: list[Segment] = []
    row_segments: list[tuple[int, ...]] = [()] * len(rows)
    # Sorted rows that begin alike stand side by side. What is still to grow: rows, and the path that they share.
    branches = [_Branch(sorted(range(len(rows)), key=rows.__getitem__), (), 0)]
    while branches:
        branch = branches.pop()
        # Sorted rows that are alike at both ends are alike in between.
        common = count_common(rows[branch.order[0]], rows[branch.order[-1]])
        is_one_text = len(rows[branch.order[0]]) == common == len(rows[branch.order[-1]])
        if is_one_text or common - branch.depth >= SHORTEST_SHARED:
            branch = _add_segment(branch, common, segments)
            for row in branch.order:
                row_segments[row] = branch.path
        branches.extend(reversed(list(_part(rows, branch, common))))
    return GrownTree(PrefixTree(tuple(segments)), row_segments)


def count_common(one: Sequence[int], other: Sequence[int]) -> int:
    """Tokens that both rows begin with. Halving compares slices, which is far quicker than token by token."""
    known, limit = 0, min(len(one), len(other))
    while known < limit:
        middle = (known + limit + 1) // 2
        if one[known:middle] == other[known:middle]:
            known = middle
        else:
            limit = middle - 1
    return known


def _line_up(rows: Sequence[tuple[int, ...]]) -> GrownTree:
    segments, start = [], 0
    for row in rows:
        segments.append(Segment(start, len(row), -1, 0))
        start += len(row)
    return GrownTree(PrefixTree(tuple(segments)), [(index,) for index in range(len(rows))])


class _Branch(NamedTuple):
    """Rows, sorted, whose first `depth` tokens are those of `path`."""

    order: list[int]
    path: tuple[int, ...]
    depth: int


def _add_segment(branch: _Branch, depth: int, segments: list[Segment]) -> _Branch:
    start = segments[-1].end if segments else 0
    parent = branch.path[-1] if branch.path else -1
    segments.append(Segment(start, depth - branch.depth, parent, branch.depth))
    return _Branch(branch.order, (*branch.path, len(segments) - 1), depth)


def _part(rows: Sequence[tuple[int, ...]], branch: _Branch, common: int) -> Iterator[_Branch]:
    """What is left of the rows, by the token at `common`, the first in which they differ."""
    left = [row for row in branch.order if len(rows[row]) > branch.depth]
    for _, alike in groupby(left, key=lambda row: rows[row][common : common + 1]):
        yield branch._replace(order=list(alike))
