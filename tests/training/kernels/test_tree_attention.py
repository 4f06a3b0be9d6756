"""Tree attention against its definition: one dense softmax with a mask that says who sees whom."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.tokens.tree import PrefixTree, grow_tree
from luthier.training.kernels import blocks
from luthier.training.kernels.tree_attention import Sight, attend_along_tree

SCALING = 0.3
LONG = tuple(range(400))


def list_visible(tree: PrefixTree, window: int | None) -> torch.Tensor:
    """(T, T): by each token's own path, position for position."""
    sees = torch.zeros(tree.token_count, tree.token_count, dtype=torch.bool)
    for segment, path in zip(tree.segments, tree.paths, strict=True):
        before = [place for i in path for place in range(tree.segments[i].start, tree.segments[i].end)]
        for offset in range(segment.length):
            own = range(segment.start, segment.start + offset + 1)
            seen = [*before, *own]
            for place in seen if window is None else seen[-window:]:
                sees[segment.start + offset, place] = True
    return sees


def attend_densely(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, tree: PrefixTree, window: int | None
) -> torch.Tensor:
    shared = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
    scores = SCALING * torch.einsum("qhd,khd->hqk", query, key)
    weights = scores.masked_fill(~list_visible(tree, window), float("-inf")).softmax(-1)
    return torch.einsum("hqk,khd->qhd", weights, value)


def draw_inputs(tokens: int, *, heads: int = 4, key_heads: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(tokens)
    shapes = [(tokens, count, 8) for count in (heads, key_heads, key_heads)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]


def compare(tree: PrefixTree, window: int | None = None, *, heads: int = 4, key_heads: int = 2) -> float:
    """The largest difference in results and gradients."""
    inputs = draw_inputs(tree.token_count, heads=heads, key_heads=key_heads)
    found = attend_along_tree(*inputs, Sight(tree, SCALING, window))
    expected = attend_densely(*inputs, tree, window)
    direction = torch.randn(found.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found_grads = torch.autograd.grad(found, inputs, direction)
    expected_grads = torch.autograd.grad(expected, inputs, direction)
    pairs = zip((found, *found_grads), (expected, *expected_grads), strict=True)
    return max(float((one - other).abs().max()) for one, other in pairs)


trees = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 30)).map(lambda cut: (*LONG[: cut[0]], *range(900, 900 + cut[1]))),
    min_size=1,
    max_size=6,
).map(lambda rows: grow_tree(rows).tree)


@settings(deadline=None, max_examples=40)
@given(trees, st.sampled_from([None, 1, 7, 40]))
def test_any_tree_gives_what_the_dense_mask_gives(tree: PrefixTree, window: int | None) -> None:
    assert compare(tree, window) < 1e-6


@pytest.mark.parametrize("window", [None, 100])
def test_long_segments_are_cut_into_blocks_and_stay_the_same(window: int | None) -> None:
    tree = grow_tree([LONG, (*LONG[:300], 7), tuple(range(500, 640))]).tree
    assert max(segment.length for segment in tree.segments) > blocks.LONGEST_BLOCK
    assert compare(tree, window) < 1e-6


@pytest.mark.parametrize(("heads", "key_heads"), [(4, 4), (6, 2), (3, 1)])
def test_heads_may_share_keys_or_not(heads: int, key_heads: int) -> None:
    assert compare(grow_tree([LONG[:50], (*LONG[:20], 5, 6)]).tree, heads=heads, key_heads=key_heads) < 1e-6


def test_rows_of_unlike_lengths_are_not_all_padded_to_the_longest() -> None:
    rows = [tuple(range(start, start + length)) for start, length in ((0, 120), (200, 118), (400, 5), (600, 4))]
    plan = blocks.plan_blocks(grow_tree(rows).tree, None, torch.float32)
    needed = sum(len(row) ** 2 for row in rows)
    assert sum(group.mask.numel() for group in plan.groups) <= blocks.LARGEST_WASTE * needed + blocks.WASTE_FOR_FREE


def test_a_mask_that_leaks_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def see_everything(group: tuple[blocks.Block, ...], window: int | None, dtype: torch.dtype) -> torch.Tensor:
        width = max(block.queries.length for block in group)
        return torch.zeros(len(group), width, max(block.key_count for block in group), dtype=dtype)

    blocks.plan_blocks.cache_clear()
    monkeypatch.setattr(blocks, "_build_mask", see_everything)
    tree = grow_tree([LONG[:50], (*LONG[:20], 5, 6)]).tree
    assert compare(tree) > 1e-2
    blocks.plan_blocks.cache_clear()
