"""Attention over a packed prefix tree as a few large matrix products, with a backward pass of its own.

On a CPU the library's fused attention is slow in its backward pass, and going row by row costs more in waking threads
than in arithmetic. Scores are rounded to the model's precision before the softmax, as in eager attention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from luthier.training.kernels.blocks import plan_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.tokens.tree import PrefixTree
    from luthier.training.kernels.blocks import BlockGroup, BlockPlan


class Sight(NamedTuple):
    """Tokens see what is on their paths, `window` positions far, itself included, or without an end; `scaling` is what
    a score of one query and one key is multiplied with."""

    tree: PrefixTree
    scaling: float
    window: int | None = None


class TreeAttention(torch.autograd.Function):
    """softmax(scaling q k') v of what each token sees; heads of a group share their keys (grouped-query attention)."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,  # (T, H, D)
        key: torch.Tensor,  # (T, H_kv, D)
        value: torch.Tensor,  # (T, H_kv, D)
        sight: Sight,
    ) -> torch.Tensor:
        """(T, H, D)"""
        plan = plan_blocks(sight.tree, sight.window, query.dtype)
        heads = key.shape[1]
        outputs, weights = [], []
        with torch.autocast("cpu", enabled=False):
            for group in plan.groups:
                count, width, depth = group.mask.shape
                queries = _gather(query, group.query_places, heads, count)
                scores = _multiply(queries, _gather_keys(key, group).mT, sight.scaling)
                scores.view(heads, count, width, -1, depth).add_(group.mask[:, :, None])
                weights.append(scores.softmax(2))
                outputs.append(_join(weights[-1] @ _gather_keys(value, group), count * width, heads))
        ctx.save_for_backward(query, key, value, *weights)
        ctx.plan, ctx.scaling = plan, sight.scaling
        return torch.cat(outputs).index_select(0, plan.query_order)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, *weights = ctx.saved_tensors
        plan, heads = ctx.plan, key.shape[1]
        query_grads, key_grads, value_grads = [], [], []
        for group, weight in zip(plan.groups, weights, strict=True):
            count, width, _ = group.mask.shape
            grad = _gather(grads[0], group.query_places, heads, count)
            if group.is_query is not None:
                grad.view(heads, count * width, -1, grad.shape[2]).mul_(group.is_query)
            weight_grad = grad @ _gather_keys(value, group).mT
            score_grad = torch._softmax_backward_data(weight_grad, weight, 2, weight.dtype)
            query_grad = _multiply(score_grad, _gather_keys(key, group), ctx.scaling)
            query_grads.append(_join(query_grad, count * width, heads))
            queries = _gather(query, group.query_places, heads, count)
            key_grads.append(_multiply(score_grad.mT, queries, ctx.scaling))
            value_grads.append(weight.mT @ grad)
        return (
            torch.cat(query_grads).index_select(0, plan.query_order),
            _collect_key_grads(key_grads, ctx.plan, heads),
            _collect_key_grads(value_grads, ctx.plan, heads),
            None,
        )


attend_along_tree: Callable[..., torch.Tensor] = TreeAttention.apply


def _multiply(one: torch.Tensor, other: torch.Tensor, factor: float) -> torch.Tensor:
    """factor * one @ other, with no rounding in between."""
    out = one.new_empty(one.shape[0], one.shape[1], other.shape[2])
    return torch.baddbmm(out, one, other, beta=0, alpha=factor)


def _gather_keys(key: torch.Tensor, group: BlockGroup) -> torch.Tensor:
    """(T, H_kv, D) to (H_kv * n, K, D)"""
    return _gather(key, group.key_places, key.shape[1], group.mask.shape[0])


def _gather(rows: torch.Tensor, places: torch.Tensor, heads: int, count: int) -> torch.Tensor:
    """(T, H, D) to (H_kv * n, L * G, D): for each block and each head of keys what stands at the block's places."""
    size = rows.shape[2]
    chosen = rows.index_select(0, places).view(len(places), heads, -1, size)
    return chosen.transpose(0, 1).reshape(heads * count, -1, size)


def _join(blocks: torch.Tensor, rows: int, heads: int) -> torch.Tensor:
    """(H_kv * n, L * G, D) to (n * L, H, D)"""
    size = blocks.shape[2]
    return blocks.view(heads, rows, -1, size).transpose(0, 1).reshape(rows, -1, size)


def _collect_key_grads(grads: list[torch.Tensor], plan: BlockPlan, heads: int) -> torch.Tensor:
    """What each key is told by the queries of its own block, and by those that share it, as (T, H_kv, D)."""
    joined = [_join(grad, len(group.key_places), heads) for group, grad in zip(plan.groups, grads, strict=True)]
    total = torch.cat(joined).index_select(0, plan.key_order)
    for group, grad in zip(plan.groups, joined, strict=True):
        by_block = grad.view(group.mask.shape[0], -1, *grad.shape[1:])
        for places, blocks, column in group.shared_keys:
            told = by_block[blocks, column : column + places.length]
            # Many rows may share a key: their sum is rounded once.
            total[slice(*places)] += told.sum(0, dtype=torch.promote_types(told.dtype, torch.float32))
    return total
