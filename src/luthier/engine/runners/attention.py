"""Attention of one packed row over what each of its tokens may see: decoding rows shelf by shelf, the rest one by one.

What many rows begin with is read once for all of them: their queries become one product with the shared keys, and one
softmax runs over the scores of both parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.runners.memory import Run, Shelf

PAGED_ATTENTION = "luthier_paged"
HIDDEN = float("-inf")

WITHOUT_EFFECT = frozenset({"dropout", "position_ids", "use_cache", "is_causal"})
"""What models hand on to their attention, and what the layout or the inference says already."""


class View(NamedTuple):
    """How a layer looks back: scores are multiplied by `scaling`, and `window` positions are seen, itself included."""

    scaling: float
    window: int | None


@dataclass(eq=False)
class ShelfRows:
    """The n rows of a shelf, one new token each, which stand at places [start, start + n) of the packed row."""

    shelf: Shelf
    start: int
    lengths: torch.Tensor  # (n,): with the new token
    places: torch.Tensor  # (n * H,): where its keys go among the shelf's (R * H * C)
    masks: dict[int | None, torch.Tensor] = field(default_factory=dict)

    @property
    def rows(self) -> slice:
        return slice(self.start, self.start + len(self.lengths))

    def mask(self, window: int | None, like: torch.Tensor) -> torch.Tensor:
        """(n * H, 1, C)"""
        if window not in self.masks:
            distances = (self.lengths[:, None] - 1) - torch.arange(self.shelf.length, device=like.device)
            heads = len(self.places) // len(self.lengths)
            self.masks[window] = _hide(distances, window, like).repeat_interleave(heads, 0)[:, None]
        return self.masks[window]


@dataclass(eq=False)
class SharedRows:
    """The N decoding rows, grouped by the m prefixes that stand on `shelf`, each group padded to w.

    `slots` are the rows of each group and `order` the slot of each row; both are None when there is one group of all
    rows, in their order.
    """

    shelf: Shelf
    prefix_lengths: torch.Tensor  # (N,): 0 for rows without a prefix
    positions: torch.Tensor  # (N,)
    slots: torch.Tensor | None  # (m * w,)
    order: torch.Tensor | None  # (N,)
    masks: dict[int | None, torch.Tensor] = field(default_factory=dict)

    def mask(self, window: int | None, like: torch.Tensor) -> torch.Tensor:
        """(N, 1, 1, C)"""
        if window not in self.masks:
            columns = torch.arange(self.shelf.length, device=like.device)
            mask = _hide(self.positions[:, None] - columns, window, like)
            mask.masked_fill_(columns >= self.prefix_lengths[:, None], HIDDEN)
            self.masks[window] = mask[:, None, None]
        return self.masks[window]


@dataclass(eq=False)
class ChunkRows:
    """Tokens of a sequence at places [start, start + count), which stand after `prefix` and `known` tokens of `run`."""

    start: int
    count: int
    run: Run
    known: int
    prefix: Run | None
    masks: dict[int | None, torch.Tensor] = field(default_factory=dict)

    @property
    def rows(self) -> slice:
        return slice(self.start, self.start + self.count)

    def mask(self, window: int | None, groups: int, like: torch.Tensor) -> torch.Tensor:
        """(G * count, all that is seen), for queries of the heads of a group one after another."""
        if window not in self.masks:
            before = self.known + (self.prefix.length if self.prefix else 0)
            seen = torch.arange(before + self.count, device=like.device)
            own = torch.arange(before, before + self.count, device=like.device)
            self.masks[window] = _hide(own[:, None] - seen, window, like).repeat(groups, 1)
        return self.masks[window]


@dataclass(eq=False)
class Layout:
    """What stands where in a packed row: first the decoding rows, in the shelves' order, then chunks."""

    shelves: Sequence[ShelfRows]
    shared: SharedRows | None
    chunks: Sequence[ChunkRows]

    @property
    def decoding(self) -> int:
        return self.shelves[-1].rows.stop if self.shelves else 0


def attend_packed(
    module: torch.nn.Module,
    query: torch.Tensor,  # (1, H * G, T, D)
    key: torch.Tensor,  # (1, H, T, D)
    value: torch.Tensor,  # (1, H, T, D)
    attention_mask: torch.Tensor | None,
    *,
    layout: Layout,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers calls it; returns (1, T, H * G, D) and no weights.

    Raises TypeError when it is told something that changes its result and that it does not know, such as sinks.
    """
    unknown = [name for name, value in kwargs.items() if value is not None and name not in WITHOUT_EFFECT]
    if unknown:
        raise TypeError(f"attention with {', '.join(unknown)}")
    layer: Any = module
    view = View(query.shape[-1] ** -0.5 if scaling is None else scaling, sliding_window)
    rows = (each[0].transpose(0, 1) for each in (query, key, value))
    return attend(layout, layer.layer_idx, *rows, view=view)[None], None


def attend(
    layout: Layout,
    layer: int,
    query: torch.Tensor,  # (T, H * G, D)
    key: torch.Tensor,  # (T, H, D)
    value: torch.Tensor,  # (T, H, D)
    *,
    view: View,
) -> torch.Tensor:
    """(T, H * G, D). Keys and values of the new tokens join those that are kept."""
    parts = []
    if layout.shelves:
        parts.append(_attend_shelves(layout, layer, query, (key, value), view))
    for chunk in layout.chunks:
        keys, values = _extend_chunk(chunk, layer, (key, value))
        parts.append(_attend_chunk(chunk, query[chunk.rows], keys, values, view))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _attend_shelves(
    layout: Layout, layer: int, query: torch.Tensor, fresh: tuple[torch.Tensor, torch.Tensor], view: View
) -> torch.Tensor:
    rows, heads = layout.decoding, fresh[0].shape[1]
    queries = query[:rows].reshape(rows, heads, -1, query.shape[-1])  # (N, H, G, D)
    shared = layout.shared
    scores = None if shared is None else _score_prefixes(shared, layer, queries, view)
    outputs, weights = [], []
    for part in layout.shelves:
        keys, values = part.shelf.tensors[2 * layer], part.shelf.tensors[2 * layer + 1]
        for kept, new in zip((keys, values), fresh, strict=True):
            kept.view(-1, kept.shape[-1]).index_copy_(0, part.places, new[part.rows].reshape(-1, kept.shape[-1]))
        count = len(part.lengths)
        own = torch.baddbmm(
            part.mask(view.window, query),
            queries[part.rows].flatten(0, 1),
            keys[:count].flatten(0, 1).mT,
            alpha=view.scaling,
        )  # (n * H, G, C)
        if scores is not None:
            before = scores[part.rows].reshape(len(own), own.shape[1], -1)
            joint = torch.cat([before, own], 2).softmax(2)
            weights.append(joint[..., : before.shape[2]])
            own = joint[..., before.shape[2] :].contiguous()
        else:
            own = own.softmax(2)
        outputs.append(torch.bmm(own, values[:count].flatten(0, 1)).view(count, heads, -1, query.shape[-1]))
    output = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
    if shared is not None:
        weight = weights[0] if len(weights) == 1 else torch.cat(weights)
        output = output + _mix_prefixes(shared, layer, weight.view(*queries.shape[:3], -1))
    return output.view(rows, -1, query.shape[-1])


def _score_prefixes(shared: SharedRows, layer: int, queries: torch.Tensor, view: View) -> torch.Tensor:
    """(N, H, G, C)"""
    keys = shared.shelf.tensors[2 * layer][: shared.shelf.count]
    grouped = _group(shared, queries)  # (m * H, w * G, D)
    scores = torch.bmm(grouped, keys.flatten(0, 1).mT)
    # alpha and the mask at once, after the rows are in their order again: a window depends on the row.
    return torch.add(shared.mask(view.window, queries), _ungroup(shared, scores, queries), alpha=view.scaling)


def _mix_prefixes(shared: SharedRows, layer: int, weights: torch.Tensor) -> torch.Tensor:
    """(N, H, G, D) of weights (N, H, G, C)"""
    values = shared.shelf.tensors[2 * layer + 1][: shared.shelf.count]
    return _ungroup(shared, torch.bmm(_group(shared, weights), values.flatten(0, 1)), weights)


def _group(shared: SharedRows, rows: torch.Tensor) -> torch.Tensor:
    """(N, H, G, X) to (m * H, w * G, X)"""
    _, heads, groups, size = rows.shape
    if shared.slots is not None:
        rows = rows.index_select(0, shared.slots)
    split = rows.view(shared.shelf.count, -1, heads, groups, size).transpose(1, 2)
    return split.reshape(shared.shelf.count * heads, -1, size)


def _ungroup(shared: SharedRows, grouped: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(m * H, w * G, X) to (N, H, G, X)"""
    _, heads, groups, _ = like.shape
    count, size = shared.shelf.count, grouped.shape[-1]
    rows = grouped.view(count, heads, -1, groups, size).transpose(1, 2).flatten(0, 1)
    return rows if shared.order is None else rows.index_select(0, shared.order)


def _extend_chunk(
    chunk: ChunkRows, layer: int, fresh: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values (H, all that is seen, D)."""
    seen = []
    for number, new in enumerate(fresh, start=2 * layer):
        kept = chunk.run.tensors[number]
        kept[:, chunk.known : chunk.known + chunk.count] = new[chunk.rows].transpose(0, 1)
        own = kept[:, : chunk.known + chunk.count]
        seen.append(own if chunk.prefix is None else torch.cat([chunk.prefix.tensors[number], own], 1))
    return seen[0], seen[1]


def _attend_chunk(
    chunk: ChunkRows, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, view: View
) -> torch.Tensor:
    count, heads, size = query.shape
    groups = heads // len(keys)
    queries = query.view(count, -1, groups, size).permute(1, 2, 0, 3).reshape(1, -1, groups * count, size)
    mask = chunk.mask(view.window, groups, query)
    output = scaled_dot_product_attention(queries, keys[None], values[None], attn_mask=mask, scale=view.scaling)
    return output.view(-1, groups, count, size).permute(2, 0, 1, 3).reshape(count, heads, size)


def _hide(distances: torch.Tensor, window: int | None, like: torch.Tensor) -> torch.Tensor:
    """0 where something so many positions back is seen, else -inf."""
    hidden = distances < 0 if window is None else (distances < 0) | (distances >= window)
    return torch.zeros(distances.shape, dtype=like.dtype, device=like.device).masked_fill_(hidden, HIDDEN)
