"""Encoded rows become packed batches: one row without padding, what several begin with once, and where the loss is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch
from torch.nn.functional import pad

from luthier.tokens.tree import SHORTEST_SHARED, PrefixTree, Segment, count_common, grow_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from luthier.tokens.encode import EncodedExample
    from luthier.tokens.pairs import Item

AnyItem = TypeVar("AnyItem", bound="Item")


class Batch(NamedTuple):
    """A target is a token to predict and the place that predicts it; rows that share both share the target.

    Edge e says that target `edge_targets[e]` belongs to row `edge_rows[e]` of those that were packed.
    """

    input_ids: torch.Tensor  # (1, T)
    position_ids: torch.Tensor  # (1, T), from 0 in each row
    tree: PrefixTree
    target_positions: torch.Tensor  # (N,), ascending
    labels: torch.Tensor  # (N,)
    target_weights: torch.Tensor  # (N,), float32: how many rows have this target
    edge_rows: torch.Tensor  # (E,)
    edge_targets: torch.Tensor  # (E,)
    row_count: int

    def to(self, device: torch.device) -> Batch:
        move = partial(torch.Tensor.to, device=device, non_blocking=True)
        return self._replace(
            input_ids=move(self.input_ids),
            position_ids=move(self.position_ids),
            target_positions=move(self.target_positions),
            labels=move(self.labels),
            target_weights=move(self.target_weights),
            edge_rows=move(self.edge_rows),
            edge_targets=move(self.edge_targets),
        )

    def pad_to(self, multiple: int) -> Batch:
        """With a further row, of nobody's, that makes T a multiple: matrix products of odd heights are slower."""
        missing = -len(self.input_ids[0]) % multiple
        if not missing:
            return self
        positions = torch.arange(missing, device=self.position_ids.device)[None]
        return self._replace(
            input_ids=pad(self.input_ids, (0, missing)),
            position_ids=torch.cat((self.position_ids, positions), 1),
            tree=PrefixTree((*self.tree.segments, Segment(self.tree.token_count, missing, -1, 0))),
        )

    def sum_by_row(self, values: torch.Tensor) -> torch.Tensor:
        """(N,) values of targets as (rows,) sums over each row's targets."""
        sums = torch.zeros(self.row_count, dtype=values.dtype, device=values.device)
        return sums.index_add(0, self.edge_rows, values[self.edge_targets])


def pack_rows(rows: Sequence[EncodedExample], *, shares_prefixes: bool = True) -> Batch:
    """Each row keeps its own positions and sees only itself, wherever its tokens stand."""
    tree, row_segments = grow_tree([row.ids for row in rows], shares_prefixes=shares_prefixes)
    ids = [0] * tree.token_count
    targets: dict[tuple[int, int], int] = {}
    edges: list[tuple[int, int]] = []
    for number, (row, path) in enumerate(zip(rows, row_segments, strict=True)):
        places = [place for index in path for place in range(tree.segments[index].start, tree.segments[index].end)]
        for place, token in zip(places, row.ids, strict=True):
            ids[place] = token
        for t, is_target in enumerate(row.is_target):
            if is_target:
                target = (places[t - 1], row.ids[t])
                edges.append((number, targets.setdefault(target, len(targets))))
    return _build_batch(ids, tree, list(targets), edges, row_count=len(rows))


def split_by_tokens(
    items: Iterable[AnyItem], token_budget: int, *, shares_prefixes: bool = True
) -> list[list[AnyItem]]:
    """Groups of at most `token_budget` tokens to compute; an item longer than that stands alone.

    Items that begin alike come together, so that as much as possible is shared where prefixes are.
    """
    groups: list[list[AnyItem]] = []
    room = 0
    before: tuple[int, ...] = ()
    for item in sorted(items, key=lambda item: item.rows[0].ids):
        ids = item.rows[0].ids
        tokens = item.token_count if shares_prefixes else sum(row.token_count for row in item.rows)
        # A beginning may stay unshared by as much as is not worth a segment.
        saved = max(0, count_common(before, ids) - SHORTEST_SHARED + 1) if shares_prefixes else 0
        needed = tokens - saved
        if not groups or needed > room:
            groups.append([])
            room, needed = token_budget, tokens
        groups[-1].append(item)
        room -= needed
        before = ids
    return groups


def _build_batch(
    ids: list[int],
    tree: PrefixTree,
    targets: list[tuple[int, int]],
    edges: list[tuple[int, int]],
    *,
    row_count: int,
) -> Batch:
    """Targets are put in the order of their places, which the hidden states are gathered in."""
    order = sorted(range(len(targets)), key=targets.__getitem__)
    rank = torch.empty(len(order), dtype=torch.long)
    rank[order] = torch.arange(len(order))
    edge_rows, edge_targets = torch.tensor(edges, dtype=torch.long).reshape(-1, 2).unbind(1)
    edge_targets = rank[edge_targets]
    pairs = torch.tensor([targets[target] for target in order], dtype=torch.long).reshape(-1, 2)
    return Batch(
        input_ids=torch.tensor([ids]),
        position_ids=torch.cat([torch.arange(s.position, s.position + s.length) for s in tree.segments])[None],
        tree=tree,
        target_positions=pairs[:, 0].contiguous(),
        labels=pairs[:, 1].contiguous(),
        target_weights=torch.bincount(edge_targets, minlength=len(targets)).float(),
        edge_rows=edge_rows.contiguous(),
        edge_targets=edge_targets,
        row_count=row_count,
    )
