"""Weights of tokens, and a random number for each row, become the token that the number falls on.

No vocabulary is sorted: a cut needs the weight of the last token that it keeps, and drawing needs no order at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn.functional import pad

if TYPE_CHECKING:
    from torch import Tensor

FIRST_WIDTH, GROWTH = 128, 8
"""Of the likeliest tokens, in which the end of a cut is looked for; and how many times more if it is not among them."""

BLOCK = 512
"""Tokens whose weights are summed before one of them is looked for: a sum is far cheaper than a running total."""


class Cuts(NamedTuple):
    """Each row keeps its `counts` heaviest tokens, and of these the first that reach the fraction of their weight."""

    counts: Tensor  # (n,) int64, at most V
    fractions: Tensor  # (n,) float64; 1 does not cut


class _Border(NamedTuple):
    """The last weight that is kept, and how many of the tokens that have exactly this one."""

    weight: Tensor  # (n,)
    ties: Tensor  # (n,)


def cut_weights(weights: Tensor, cuts: Cuts) -> Tensor:
    """(n, V) `weights` with zeros for what is cut off; of tokens that weigh the same, the lowest ids stay."""
    border = _find_border(weights, cuts, width=FIRST_WIDTH)
    is_kept = weights >= border.weight[:, None]
    is_tied = weights == border.weight[:, None]
    split = ((is_tied.sum(-1) > border.ties) & (border.weight > 0)).nonzero()[:, 0]
    if len(split):
        is_kept[split] &= ~is_tied[split] | (is_tied[split].cumsum(-1) <= border.ties[split, None])
    return weights * is_kept


def invert_distribution(weights: Tensor, uniforms: Tensor) -> Tensor:
    """The first token (n,) at which the running total exceeds the given part of the whole; never one of weight zero.

    `weights` (n, V) are float64 and have a sum; `uniforms` (n,) lie in [0, 1).
    """
    blocks = pad(weights, (0, -weights.shape[1] % BLOCK)).unflatten(-1, (-1, BLOCK))  # (n, V / BLOCK, BLOCK)
    totals = blocks.sum(-1).cumsum(-1)
    goal = uniforms[:, None] * totals[:, -1:]
    block = _find_first_beyond(totals, goal)
    before = pad(totals, (1, 0)).gather(-1, block)
    inner = blocks.take_along_dim(block[:, :, None], 1)[:, 0].cumsum(-1)
    return (block * BLOCK + _find_first_beyond(inner, goal - before))[:, 0]


def _find_border(weights: Tensor, cuts: Cuts, *, width: int) -> _Border:
    size = weights.shape[1]
    is_limited = cuts.counts < size
    width = min(max(width, int((cuts.counts * is_limited).max())), size)
    top = weights.topk(width).values  # falling
    is_within = torch.arange(width, device=weights.device) < cuts.counts[:, None]
    running = (top * is_within).cumsum(-1)
    whole = torch.where(is_limited, running[:, -1], weights.sum(-1))
    is_before_end = pad(running[:, :-1], (1, 0)) < (cuts.fractions * whole)[:, None]
    is_kept = is_within & (is_before_end | (cuts.fractions == 1)[:, None])
    kept = is_kept.sum(-1)
    last = top.gather(-1, kept[:, None] - 1)
    border = _Border(last[:, 0], (is_kept & (top == last)).sum(-1))
    open_rows = ((kept == width) & (kept < cuts.counts)).nonzero()[:, 0]
    if len(open_rows):
        rest = Cuts(cuts.counts[open_rows], cuts.fractions[open_rows])
        found = _find_border(weights[open_rows], rest, width=width * GROWTH)
        border.weight[open_rows], border.ties[open_rows] = found.weight, found.ties
    return border


def _find_first_beyond(totals: Tensor, goal: Tensor) -> Tensor:
    """(n, 1): where rounding has put the goal at the end, the place that brings the total there."""
    last = torch.searchsorted(totals, totals[:, -1:].contiguous())
    return torch.searchsorted(totals, goal.contiguous(), right=True).minimum(last)
