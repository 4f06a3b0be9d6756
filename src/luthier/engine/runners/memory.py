"""Keys and values of many sequences in few tensors, which grow and shrink under a budget of tokens.

A shelf holds sequences of like length side by side, without holes, so that attention reads each byte once and copies
nothing. Growing a shelf copies it, once in `STRIDE` tokens: far less than the gathering of pages at every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

STRIDE = 64
"""Tokens: lengths of tensors are multiples of it."""

SHORTEST_BOUND = 256
"""Tokens of the first shelf's longest rows: one shelf for all short ones costs less than the bytes that two save."""

ROW_STRIDE = 8
"""Rows by which a shelf grows that has so many already; a smaller one doubles."""


class Shape(NamedTuple):
    """Of what a model keeps for each token."""

    layers: int
    heads: int
    head_size: int
    dtype: torch.dtype
    device: torch.device

    @property
    def token_bytes(self) -> int:
        return 2 * self.layers * self.heads * self.head_size * self.dtype.itemsize

    def allocate(self, rows: int, length: int) -> torch.Tensor:
        """(rows, H, length, D), not initialised."""
        return torch.empty(rows, self.heads, length, self.head_size, dtype=self.dtype, device=self.device)


@dataclass
class Budget:
    """In tokens of keys and values."""

    limit: int
    used: int = 0

    @property
    def free(self) -> int:
        return self.limit - self.used


@dataclass(frozen=True, eq=False, slots=True)
class Run:
    """Keys and values (H, n, D) of consecutive tokens, layer by layer: each layer's keys, then its values."""

    tensors: tuple[torch.Tensor, ...]

    @property
    def length(self) -> int:
        return self.tensors[0].shape[1]

    def cut(self, start: int, end: int) -> Run:
        """A view."""
        return Run(tuple(tensor[:, start:end] for tensor in self.tensors))

    def write(self, start: int, source: Run) -> None:
        for target, tensor in zip(self.tensors, source.tensors, strict=True):
            target[:, start : start + tensor.shape[1]] = tensor


def shift_run(run: Run, count: int) -> None:
    """Drops its first `count` tokens: those after them move to the front."""
    for tensor in run.tensors:
        tensor[:, : tensor.shape[1] - count] = tensor[:, count:].clone()


def allocate_run(shape: Shape, length: int) -> Run:
    return Run(tuple(shape.allocate(2 * shape.layers, length).unbind()))


def join_runs(shape: Shape, runs: list[Run]) -> Run:
    """A copy of them, end to end."""
    joined = allocate_run(shape, sum(run.length for run in runs))
    start = 0
    for run in runs:
        joined.write(start, run)
        start += run.length
    return joined


class Shelf:
    """Rows of up to `longest` tokens each; those that are taken are the first `count`."""

    def __init__(self, shape: Shape, budget: Budget, *, longest: int) -> None:
        self.longest = longest
        self.count = 0
        self.tensors: list[torch.Tensor] = []  # each layer's keys, then its values: (R, H, C, D)
        self._shape = shape
        self._budget = budget
        self.rows = self.length = 0

    def count_tokens_to_fit(self, rows: int, length: int) -> int:
        """That the budget must have left so that so many rows of that length fit."""
        return max(0, self._round_rows(rows) * self._round_length(length) - self.rows * self.length)

    def fit(self, rows: int, length: int) -> bool:
        """Makes room, if the budget has it, and leaves the rest as it is. `rows` is at least `count`."""
        if rows <= self.rows and length <= self.length:
            return True
        needed = self._round_rows(rows) * self._round_length(length)
        if needed - self.rows * self.length > self._budget.free:
            return False
        self._resize(self._round_rows(rows), self._round_length(length))
        return True

    def trim(self) -> None:
        """Gives back the room of rows that are not taken."""
        rows = self._round_rows(self.count)
        if rows < self.rows:
            self._resize(rows, self.length if rows else 0)

    def view(self, row: int, length: int) -> Run:
        return Run(tuple(tensor[row, :, :length] for tensor in self.tensors))

    def take_row(self) -> int:
        """The number of a fresh row, for which `fit` has made room."""
        self.count += 1
        return self.count - 1

    def drop_row(self, row: int) -> None:
        """The last row takes its place: the caller moves what it knows of that one."""
        self.count -= 1
        if row != self.count:
            for tensor in self.tensors:
                tensor[row] = tensor[self.count]

    def _round_rows(self, rows: int) -> int:
        if rows > ROW_STRIDE:
            return -(-rows // ROW_STRIDE) * ROW_STRIDE
        return 1 << (rows - 1).bit_length() if rows else 0

    def _round_length(self, length: int) -> int:
        return max(self.length, -(-length // STRIDE) * STRIDE)

    def _resize(self, rows: int, length: int) -> None:
        """Layer by layer, so that little is held twice."""
        self._budget.used += rows * length - self.rows * self.length
        tensors = self.tensors or [torch.empty(0)] * (2 * self._shape.layers)
        self.tensors = []
        for number, tensor in enumerate(tensors):
            if rows:
                fresh = self._shape.allocate(rows, length).zero_()  # what is masked must still be a number
                if self.count:
                    fresh[: self.count, :, : self.length] = tensor[: self.count]
                self.tensors.append(fresh)
            tensors[number] = torch.empty(0)
        self.rows, self.length = rows, length


def list_bounds(longest: int) -> Iterator[int]:
    """Of shelves: 256 tokens, then four times as many each, up to at least `longest`."""
    bound = SHORTEST_BOUND
    while bound < longest:
        yield bound
        bound *= 4
    yield bound
