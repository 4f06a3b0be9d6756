"""Attention of a packed prefix tree by the flash kernels that come with torch: one launch a layer, nothing to compile.

Each segment is a document of its own for them: its tokens ask, and the tokens of its path and its own answer. What
several segments look back on is laid out once for each of them, which costs little beside a model's matrix products,
and its gradients are summed in float32.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch.nn.attention.varlen import varlen_attn

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.tokens.tree import PrefixTree

FIRST_CAPABILITY = (8, 0)
"""Of the GPUs that the kernels are written for: Ampere."""

LARGEST_HEAD = 256
_REDUCED = (torch.bfloat16, torch.float16)
_LAYOUTS_KEPT = 4
"""A batch's layout serves all its layers, in the backward pass too where they are computed again."""


class SegmentLayout(NamedTuple):
    """Segment s asks with tokens `query_starts[s]` to `query_starts[s + 1]` of the packed row; what it sees, in the
    order of positions, are entries `key_starts[s]` to `key_starts[s + 1]` of `seen`.

    `seen` is None where no segment has a parent: each then sees itself, and the row is what it is.
    """

    query_starts: torch.Tensor  # (S + 1,) int32
    key_starts: torch.Tensor  # (S + 1,) int32
    seen: torch.Tensor | None  # (K,)
    longest_query: int
    longest_key: int


def can_use_flash(query: torch.Tensor, *, dropout: float) -> bool:
    """Whether the kernels take these queries (1, H, T, D): in a reduced precision, on a GPU new enough, undisturbed."""
    return (
        query.is_cuda
        and torch.version.cuda is not None  # AMD's kernels come with promises of their own
        and query.dtype in _REDUCED
        and query.shape[-1] <= LARGEST_HEAD
        and query.shape[-1] % 8 == 0
        and dropout == 0.0
        and torch.cuda.get_device_capability(query.device) >= FIRST_CAPABILITY
        and torch.backends.cuda.is_flash_attention_available()
    )


def attend_with_flash(
    module: torch.nn.Module,
    query: torch.Tensor,  # (1, H, T, D)
    key: torch.Tensor,  # (1, H_kv, T, D)
    value: torch.Tensor,  # (1, H_kv, T, D)
    attention_mask: torch.Tensor | None,
    *,
    tree: PrefixTree,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Returns (1, T, H, D), the layout that transformers expects, and no attention weights."""
    layout = lay_out_segments(tree, query.device)
    queries, keys, values = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    output = attend_segments(queries, keys, values, layout, kernel=_run_kernel, scale=scaling, window=sliding_window)
    return output[None], None


@lru_cache(maxsize=_LAYOUTS_KEPT)
def lay_out_segments(tree: PrefixTree, device: torch.device) -> SegmentLayout:
    """Made on the CPU and sent in one piece each, so that no layer waits for the GPU."""
    queries = [segment.length for segment in tree.segments]
    keys = [segment.position + segment.length for segment in tree.segments]
    return SegmentLayout(
        query_starts=_send(_list_starts(queries), device),
        key_starts=_send(_list_starts(keys), device),
        seen=None if tree.is_flat else _send(_list_seen(tree), device),
        longest_query=max(queries),
        longest_key=max(keys),
    )


def attend_segments(
    query: torch.Tensor,  # (T, H, D)
    key: torch.Tensor,  # (T, H_kv, D)
    value: torch.Tensor,  # (T, H_kv, D)
    layout: SegmentLayout,
    *,
    kernel: Callable[..., torch.Tensor],
    scale: float | None = None,
    window: int | None = None,
) -> torch.Tensor:
    """(T, H, D). With a `window`, a token sees that many tokens by their positions, itself among them.

    `kernel` keeps the promise of `torch.nn.attention.varlen.varlen_attn`: documents end to end, each with a number of
    queries and a number of keys of its own; the last query stands beside the last key, and `window_size` says how far
    a query sees to its left and to its right from there, -1 for all.
    """
    if layout.seen is not None:
        key, value = _repeat(key, layout.seen), _repeat(value, layout.seen)
    return kernel(
        query,
        key,
        value,
        layout.query_starts,
        layout.key_starts,
        layout.longest_query,
        layout.longest_key,
        scale=scale,
        window_size=(-1 if window is None else window - 1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )


class _Repeated(torch.autograd.Function):
    """Rows of a tensor at places that may repeat; in bfloat16 the sum of many small gradients would lose the small."""

    @staticmethod
    def forward(ctx: Any, tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(places)
        ctx.token_count = len(tokens)
        return tokens.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        (places,) = ctx.saved_tensors
        wide = grads[0].to(torch.promote_types(grads[0].dtype, torch.float32))
        sums = wide.new_zeros((ctx.token_count, *wide.shape[1:])).index_add_(0, places, wide)
        return sums.to(grads[0].dtype), None


def _repeat(tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    apply: Callable[..., torch.Tensor] = _Repeated.apply
    return apply(tokens, places)


def _run_kernel(*args: Any, **kwargs: Any) -> torch.Tensor:
    """Which returns more than its output only where that is asked for."""
    return cast("torch.Tensor", varlen_attn(*args, **kwargs))


def _list_starts(lengths: list[int]) -> torch.Tensor:
    return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)


def _list_seen(tree: PrefixTree) -> torch.Tensor:
    """The places of each segment's path and of its own tokens, for one segment after the other."""
    places = [torch.arange(segment.start, segment.end) for segment in tree.segments]
    return torch.cat([places[i] for index, path in enumerate(tree.paths) for i in (*path, index)])


def _send(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
