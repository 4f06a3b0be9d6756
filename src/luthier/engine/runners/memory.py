"""Keys and values of many sequences in few tensors, which grow and shrink under a budget of tokens.

A shelf holds sequences of like length side by side, without holes, so that attention reads each byte once and copies
nothing. Growing a shelf copies it, once in `STRIDE` tokens: far less than the gathering of pages at every step.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from luthier.errors import OutOfMemory
from luthier.models.loading import translate_memory_errors

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
    """Drops its first `count` tokens: those after them move to the front, by parts that do not overlap, so that no
    memory is asked for that could be lacking halfway."""
    for tensor in run.tensors:
        for start in range(count, tensor.shape[1], count):
            part = tensor[:, start : start + count]
            tensor[:, start - count : start - count + part.shape[1]] = part


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
        """Makes room, if the budget has it, and leaves the rest as it is. `rows` is at least `count`.

        Raises OutOfMemory where the budget has what the machine has not; the shelf then is what it was.
        """
        if rows <= self.rows and length <= self.length:
            return True
        needed = self._round_rows(rows) * self._round_length(length)
        if needed - self.rows * self.length > self._budget.free:
            return False
        self._resize(self._round_rows(rows), self._round_length(length))
        return True

    def trim(self, longest: int | None = None) -> None:
        """Gives back the room of rows that are not taken, and of tokens if the `longest` row needs less than half."""
        rows = min(self.rows, self._round_rows(self.count))
        length = self.length if longest is None or 2 * longest > self.length else -(-longest // STRIDE) * STRIDE
        if rows < self.rows or length < self.length:
            with suppress(OutOfMemory):  # what stays is copied, and there may be no room for that now
                self._resize(rows, length if rows else 0)

    def view(self, row: int, length: int) -> Run:
        return Run(tuple(tensor[row, :, :length] for tensor in self.tensors))

    def take_row(self) -> int:
        """The number of a fresh row, for which `fit` has made room."""
        self.count += 1
        return self.count - 1

    def fill_row(self, row: int, runs: list[Run]) -> None:
        """With runs end to end, and zeros behind: a mask does not hide the NaN that another may have left there."""
        start = 0
        for run in runs:
            self.view(row, start + run.length).write(start, run)
            start += run.length
        for tensor in self.tensors:
            tensor[row, :, start:] = 0

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
        """Layer by layer, so that little is held twice. Where memory runs out, what was done is undone."""
        former, changed = (self.rows, self.length), 0
        self.tensors = self.tensors or [self._shape.allocate(0, 0) for _ in range(2 * self._shape.layers)]
        try:
            with translate_memory_errors("making room for keys and values"):
                self._probe(rows * length)
                for changed in range(len(self.tensors)):
                    self._replace(changed, rows, length)
        except OutOfMemory:
            for number in range(changed):
                self._replace(number, *former)
            self.tensors = self.tensors if self.rows else []
            raise
        self.tensors = self.tensors if rows else []
        self._budget.used += rows * length - self.rows * self.length
        self.rows, self.length = rows, length

    def _probe(self, tokens: int) -> None:
        """Asks at once for all that the change needs, and lets go of it: better to fail before it than halfway."""
        more = max(0, tokens - self.rows * self.length)
        self._shape.allocate(1, 2 * self._shape.layers * more + tokens)

    def _replace(self, number: int, rows: int, length: int) -> None:
        fresh = self._shape.allocate(rows, length).zero_()  # what is masked must still be a number
        if self.count:
            kept = min(length, self.length)
            fresh[: self.count, :, :kept] = self.tensors[number][: self.count, :, :kept]
        self.tensors[number] = fresh


def list_bounds(longest: int) -> Iterator[int]:
    """Of shelves: 256 tokens, then four times as many each, up to more than `longest`."""
    bound = SHORTEST_BOUND
    while bound <= longest:
        yield bound
        bound *= 4
    yield bound
