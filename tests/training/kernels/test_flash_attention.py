"""The flash layout of a prefix tree against what a token may see by definition; the kernel itself needs a GPU."""

from __future__ import annotations

import random

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from luthier.tokens.tree import PrefixTree, Segment, grow_tree
from luthier.training.kernels.flash_attention import (
    SegmentLayout,
    _run_kernel,
    attend_segments,
    attend_with_flash,
    lay_out_segments,
)

HEADS, KV_HEADS, HEAD_DIM = 6, 2, 16
CPU = torch.device("cpu")
WINDOWS = (None, 1, 5, 1000)


def grow_random_tree(seed: int) -> PrefixTree:
    """Up to a dozen segments, each below any earlier one on the last path or a root: depth-first by making."""
    rng = random.Random(seed)
    segments: list[Segment] = []
    path: list[int] = []
    for index in range(rng.randint(1, 12)):
        path = path[: rng.randint(0, len(path))]
        parent = segments[path[-1]] if path else None
        start = segments[-1].end if segments else 0
        position = parent.position + parent.length if parent else 0
        segments.append(Segment(start, rng.choice([1, 2, 3, 8, 17]), path[-1] if path else -1, position))
        path.append(index)
    return PrefixTree(tuple(segments))


def list_visible(tree: PrefixTree, window: int | None) -> torch.Tensor:
    """(T, T), by definition, one pair at a time: the token's own segment up to itself, and its ancestors."""
    owner = [index for index, segment in enumerate(tree.segments) for _ in range(segment.length)]
    places = [segment.position + i for segment in tree.segments for i in range(segment.length)]
    sees = torch.zeros(len(owner), len(owner), dtype=torch.bool)
    for q, k in torch.cartesian_prod(torch.arange(len(owner)), torch.arange(len(owner))).tolist():
        ancestor = owner[q]
        while ancestor not in (owner[k], -1):
            ancestor = tree.segments[ancestor].parent
        is_near = window is None or places[q] - places[k] < window
        sees[q, k] = ancestor == owner[k] and k <= q and is_near
    return sees


def attend_documents(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    *,
    scale: float | None,
    window_size: tuple[int, int],
    enable_gqa: bool,
) -> torch.Tensor:
    """The kernel's promise, on a CPU: documents end to end, the last query beside the last key."""
    left, right = window_size
    outputs = []
    for d in range(len(cu_seq_q) - 1):
        q, k, v = (
            tensor[starts[d] : starts[d + 1]].transpose(0, 1)
            for tensor, starts in ((query, cu_seq_q), (key, cu_seq_k), (value, cu_seq_k))
        )
        assert q.shape[1] <= max_q
        assert k.shape[1] <= max_k
        ahead = torch.arange(k.shape[1]) - torch.arange(q.shape[1])[:, None] - (k.shape[1] - q.shape[1])
        sees = (ahead <= right) & ((left < 0) | (-ahead <= left))
        outputs.append(scaled_dot_product_attention(q, k, v, attn_mask=sees, scale=scale, enable_gqa=enable_gqa))
    return torch.cat(outputs, dim=1).transpose(0, 1)


def draw_heads(tokens: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(tokens)
    return [
        torch.randn(tokens, heads, HEAD_DIM, dtype=torch.float64, generator=generator).requires_grad_()
        for heads in (HEADS, KV_HEADS, KV_HEADS)
    ]


def read_grad(tensor: torch.Tensor) -> torch.Tensor:
    assert tensor.grad is not None
    return tensor.grad


def measure_error(tree: PrefixTree, layout: SegmentLayout, window: int | None) -> float:
    """The largest difference of outputs and gradients from those under the mask that the definition gives."""
    ours, reference = draw_heads(tree.token_count), draw_heads(tree.token_count)
    output = attend_segments(*ours, layout, kernel=attend_documents, scale=0.3, window=window)
    expected = scaled_dot_product_attention(
        *(tensor.transpose(0, 1) for tensor in reference),
        attn_mask=list_visible(tree, window),
        scale=0.3,
        enable_gqa=True,
    ).transpose(0, 1)
    upstream = torch.randn(output.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    output.backward(upstream)
    expected.backward(upstream)
    pairs = [(output, expected), *((read_grad(a), read_grad(b)) for a, b in zip(ours, reference, strict=True))]
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("seed", range(12))
def test_each_token_sees_what_the_tree_lets_it_see(seed: int, window: int | None) -> None:
    tree = grow_random_tree(seed)
    assert measure_error(tree, lay_out_segments(tree, CPU), window) < 1e-12


def test_rows_that_begin_alike_are_attended_as_if_apart() -> None:
    common = list(range(20))
    rows = [[*common, 30, 31], [*common, 40], [50, 51, 52], [*common, 30, 31, *range(60, 75)]]
    tree, paths = grow_tree(rows)
    row, *_ = draw_heads(tree.token_count)
    packed = attend_segments(row, row, row, lay_out_segments(tree, CPU), kernel=attend_documents)
    for path in paths:
        places = torch.cat([torch.arange(tree.segments[i].start, tree.segments[i].end) for i in path])
        alone = row[places].transpose(0, 1)
        expected = scaled_dot_product_attention(alone, alone, alone, is_causal=True).transpose(0, 1)
        torch.testing.assert_close(packed[places], expected, rtol=1e-12, atol=1e-12)


def test_a_row_without_sharing_is_not_copied() -> None:
    tree, _ = grow_tree([[1, 2], [3, 4, 5], [6]])
    layout = lay_out_segments(tree, CPU)
    assert layout.seen is None
    assert layout.query_starts.tolist() == layout.key_starts.tolist() == [0, 2, 5, 6]


@pytest.mark.parametrize("fault", ["forgets an ancestor", "sees a sibling", "asks from the wrong place"])
def test_a_wrong_layout_is_noticed(fault: str) -> None:
    tree = PrefixTree((Segment(0, 4, -1, 0), Segment(4, 3, 0, 4), Segment(7, 3, 0, 4)))
    layout = lay_out_segments(tree, CPU)
    assert layout.seen is not None
    seen = layout.seen.clone()
    if fault == "forgets an ancestor":
        seen[4] = seen[5]
    elif fault == "sees a sibling":
        seen[-7] = 4
    else:
        layout = layout._replace(query_starts=torch.tensor([0, 3, 7, 10], dtype=torch.int32), longest_query=4)
    assert measure_error(tree, layout._replace(seen=seen), None) > 1e-3


def test_a_window_that_is_off_by_one_is_noticed() -> None:
    tree = grow_random_tree(3)
    ours = draw_heads(tree.token_count)
    layout = lay_out_segments(tree, CPU)
    near, nearer = (attend_segments(*ours, layout, kernel=attend_documents, window=window) for window in (5, 4))
    assert (near - nearer).abs().max() > 1e-3


def test_gradients_of_a_shared_beginning_do_not_lose_the_small_in_bfloat16() -> None:
    """256 rows add 1 each to the same token: bfloat16 cannot count further than 256 by ones, float32 can."""
    rows = 300
    segments = [Segment(0, 8, -1, 0), *(Segment(8 + i, 1, 0, 8) for i in range(rows))]
    tree = PrefixTree(tuple(segments))
    key = torch.zeros(tree.token_count, 1, 8, dtype=torch.bfloat16, requires_grad=True)

    def sum_keys(query: torch.Tensor, key: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        return key.sum().expand(query.shape)

    attend_segments(key.detach(), key, key.detach(), lay_out_segments(tree, CPU), kernel=sum_keys).mean().backward()
    assert read_grad(key)[0, 0, 0] == torch.tensor(rows + 1.0, dtype=torch.bfloat16)


def test_torchs_kernel_takes_what_it_is_given() -> None:
    """Its shapes, types and arguments, without a GPU: the operator's own abstract form, forwards and backwards."""
    tree = grow_random_tree(5)
    layout = lay_out_segments(tree, torch.device("meta"))
    query, key = (
        torch.empty(1, heads, tree.token_count, 64, dtype=torch.bfloat16, device="meta", requires_grad=True)
        for heads in (HEADS, KV_HEADS)
    )
    heads = [tensor[0].transpose(0, 1) for tensor in (query, key, key)]
    output = attend_segments(heads[0], heads[1], heads[2], layout, kernel=_run_kernel, window=7)
    output.sum().backward()
    assert output.shape == (tree.token_count, HEADS, 64)
    assert read_grad(key).shape == key.shape


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the kernel itself runs on a GPU alone")
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("seed", range(4))
def test_the_kernel_keeps_its_promise_on_a_gpu(seed: int, window: int | None) -> None:
    tree = grow_random_tree(seed)
    heads = [
        tensor.detach().to("cuda", torch.bfloat16).transpose(0, 1)[None].requires_grad_()
        for tensor in draw_heads(tree.token_count)
    ]
    output, _ = attend_with_flash(torch.nn.Identity(), *heads, None, tree=tree, sliding_window=window)
    mask = list_visible(tree, window).cuda()
    wide = [tensor.detach().float().requires_grad_() for tensor in heads]
    expected = scaled_dot_product_attention(*wide, attn_mask=mask, enable_gqa=True).transpose(1, 2)
    output.float().square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(output.float(), expected, rtol=2e-2, atol=2e-2)
    for ours, reference in zip(heads, wide, strict=True):
        torch.testing.assert_close(read_grad(ours).float(), read_grad(reference), rtol=5e-2, atol=5e-2)
