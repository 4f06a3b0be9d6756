"""The processes that train one model together, as the loop sees them: what to sum, what to share, where to agree.

The loop knows nothing of how they were started; one process alone is a group of its own.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from torch import distributed as dist
from torch.distributed.tensor import DTensor

from luthier.errors import InvalidConfig, MachineError, ProcessLost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from luthier.settings import Launch
    from luthier.tokens.pairs import Item

BUCKET_BYTES = 32 * 2**20
LONGEST_WAIT = timedelta(hours=2)
"""For one another: a dead process is noticed at once by whoever started it, a slow one may be writing a checkpoint."""


class Round(NamedTuple):
    """`counts` is false where the items are computed only because another process still has some."""

    items: Sequence[Item]
    counts: bool


class Group(Protocol):
    """Every process calls the same methods in the same order; each call but `share` waits for all.

    A call that cannot come back because another process has ended raises ProcessLost."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def is_main(self) -> bool:
        """The one process that shows, writes and registers."""

    def share(self, items: Sequence[Item]) -> list[Item]:
        """This process's part of a step, which may be empty; together the parts are the step, none twice."""

    def align(self, batches: Sequence[Sequence[Item]], filler: Item) -> list[Round]:
        """The batches as rounds; where every process has to compute along, all get as many."""

    def sum(self, values: Sequence[float]) -> list[float]:
        """Over all processes, the same bits in each."""

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """In place, after the backward passes of a step; a gradient that a process lacks counts as zeros."""

    def agree(self, flag: bool) -> bool:
        """True everywhere if it is true anywhere."""

    def hand_out(self, text: str) -> str:
        """The main process's text, in every process."""

    def wait(self) -> None:
        """Until all are here."""


class _Alone:
    rank, size, is_main = 0, 1, True

    def share(self, items: Sequence[Item]) -> list[Item]:
        return list(items)

    def align(self, batches: Sequence[Sequence[Item]], filler: Item) -> list[Round]:
        return [Round(batch, counts=True) for batch in batches]

    def sum(self, values: Sequence[float]) -> list[float]:
        return list(values)

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        pass

    def agree(self, flag: bool) -> bool:
        return flag

    def hand_out(self, text: str) -> str:
        return text

    def wait(self) -> None:
        pass


ALONE: Group = _Alone()


@dataclass(frozen=True)
class ProcessGroup:
    """Of torch.distributed, which has to be initialised; `device` is what its backend computes on.

    With `is_in_step` the processes take as many rounds as each other, which layers that are spread over them need.
    """

    rank: int
    size: int
    device: torch.device
    is_in_step: bool = False

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Longest first to whoever has least, so that all are done at about the same time."""
        loads = [0] * self.size
        mine = []
        for place in sorted(range(len(items)), key=lambda place: -items[place].token_count):
            rank = min(range(self.size), key=loads.__getitem__)
            loads[rank] += items[place].token_count
            if rank == self.rank:
                mine.append(place)
        return [items[place] for place in sorted(mine)]

    def align(self, batches: Sequence[Sequence[Item]], filler: Item) -> list[Round]:
        rounds = [Round(batch, counts=True) for batch in batches]
        if self.is_in_step:
            most = int(self._reduce(torch.tensor([len(rounds)]), dist.ReduceOp.MAX))
            rounds += [Round([filler], counts=False)] * (most - len(rounds))
        return rounds

    def sum(self, values: Sequence[float]) -> list[float]:
        total: list[float] = self._reduce(torch.tensor(values, dtype=torch.float64)).tolist()
        return total

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """In buckets: one message for each of many small gradients would cost more than its content."""
        whole = [parameter for parameter in parameters if not isinstance(parameter, DTensor)]  # others come summed
        holders = self.sum([float(parameter.grad is not None) for parameter in whole])
        held = [parameter for parameter, count in zip(whole, holders, strict=True) if count]
        for bucket in _fill_buckets(held):
            flat = torch.cat([_get_gradient(parameter).reshape(-1) for parameter in bucket])
            pieces = self._reduce(flat).split([parameter.numel() for parameter in bucket])
            for parameter, piece in zip(bucket, pieces, strict=True):
                parameter.grad = piece.view_as(parameter).clone()

    def agree(self, flag: bool) -> bool:
        return bool(self.sum([float(flag)])[0])

    def hand_out(self, text: str) -> str:
        content = list(text.encode()) if self.is_main else []
        length = int(self.sum([len(content)])[0])
        padded = content or [0] * length  # adding the others' zeros leaves what the main process has
        return bytes(self._reduce(torch.tensor(padded, dtype=torch.uint8)).tolist()).decode()

    def wait(self) -> None:
        self.agree(False)

    def _reduce(self, tensor: torch.Tensor, how: dist.ReduceOp.RedOpType = dist.ReduceOp.SUM) -> torch.Tensor:
        moved = tensor.to(self.device)
        with _translate_lost_connections():
            dist.all_reduce(moved, how)
        return moved


@contextmanager
def main_first(group: Group) -> Iterator[None]:
    """The others enter the block when the main process has left it, unless it failed, and find what it has kept."""
    if not group.is_main:
        group.wait()
    yield
    if group.is_main:
        group.wait()


@contextmanager
def join_group(launch: Launch) -> Iterator[Group]:
    """The group that this process was started for, which is left when the block ends; alone when it was not.

    Raises MachineError when there are more processes than GPUs, InvalidConfig when the others cannot be found.
    """
    if launch.world_size == 1:
        yield ALONE
        return
    device = _take_device(launch)
    place = f"file://{launch.rendezvous}" if launch.rendezvous else "env://"
    try:
        dist.init_process_group(
            "gloo" if device.type == "cpu" else "nccl",
            init_method=place,
            rank=launch.rank,
            world_size=launch.world_size,
            timeout=LONGEST_WAIT,
        )
    except (ValueError, dist.DistError) as error:
        hint = "start with `luthier tune --processes N`, or with torchrun"
        raise InvalidConfig(f"process {launch.rank + 1} cannot find the others: {error}", hint=hint) from error
    try:
        yield ProcessGroup(launch.rank, launch.world_size, device)
    finally:
        dist.destroy_process_group()


def _take_device(launch: Launch) -> torch.device:
    """A GPU of its own, or else its share of the cores: all threads of all processes would get in each other's way."""
    if not torch.cuda.is_available():
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // launch.local_world_size))
        return torch.device("cpu")
    if launch.local_world_size > torch.cuda.device_count():
        raise MachineError(
            f"{launch.local_world_size} processes need as many GPUs, and there are {torch.cuda.device_count()}",
            hint="start fewer processes",
        )
    torch.cuda.set_device(launch.local_rank)
    return torch.device("cuda", launch.local_rank)


def _get_gradient(parameter: torch.nn.Parameter) -> torch.Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _fill_buckets(parameters: Iterable[torch.nn.Parameter]) -> list[list[torch.nn.Parameter]]:
    """Neighbours of one type, at most BUCKET_BYTES of them together; a larger one stands alone."""
    buckets: list[list[torch.nn.Parameter]] = []
    room = 0
    for parameter in parameters:
        if not buckets or parameter.nbytes > room or parameter.dtype != buckets[-1][-1].dtype:
            buckets.append([])
            room = BUCKET_BYTES
        buckets[-1].append(parameter)
        room -= parameter.nbytes
    return buckets


@contextmanager
def _translate_lost_connections() -> Iterator[None]:
    """torch reports a connection that another process has closed as a plain RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        hint = "run the same command again to go on from the last checkpoint"
        raise ProcessLost("another process of this run has ended", hint=hint) from error
