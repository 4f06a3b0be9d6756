"""Encoded examples become packed batches: one row without padding, with the positions that carry loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from luthier.tokens.encode import EncodedExample


class Batch(NamedTuple):
    """`target_positions` are the places whose *next* token is a target; `labels` are those next tokens."""

    input_ids: torch.Tensor  # (1, T)
    position_ids: torch.Tensor  # (1, T), from 0 in each document
    document_lengths: tuple[int, ...]  # sums to T
    target_positions: torch.Tensor  # (N,)
    labels: torch.Tensor  # (N,)

    def to(self, device: torch.device) -> Batch:
        return self._replace(
            input_ids=self.input_ids.to(device),
            position_ids=self.position_ids.to(device),
            target_positions=self.target_positions.to(device),
            labels=self.labels.to(device),
        )


def pack_examples(examples: Sequence[EncodedExample]) -> Batch:
    """Joins the examples end to end; each keeps its own positions and sees only itself."""
    ids = [token for example in examples for token in example.ids]
    is_target = [flag for example in examples for flag in example.is_target]
    targets = [t for t, flag in enumerate(is_target) if flag]
    return Batch(
        input_ids=torch.tensor([ids]),
        position_ids=torch.cat([torch.arange(len(example.ids)) for example in examples])[None],
        document_lengths=tuple(len(example.ids) for example in examples),
        target_positions=torch.tensor([t - 1 for t in targets]),
        labels=torch.tensor([ids[t] for t in targets]),
    )


def split_by_tokens(examples: Iterable[EncodedExample], token_budget: int) -> list[list[EncodedExample]]:
    """Groups of neighbours with at most `token_budget` tokens; an example longer than that stands alone."""
    groups: list[list[EncodedExample]] = []
    room = 0
    for example in examples:
        if not groups or len(example.ids) > room:
            groups.append([])
            room = token_budget
        groups[-1].append(example)
        room -= len(example.ids)
    return groups
