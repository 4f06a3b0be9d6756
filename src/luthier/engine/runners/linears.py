"""A model's linear layers learn to apply to each row of a batch its own adapter, beside one copy of the weights.

Rows of the same adapter are brought together, so that one batched product serves all adapters. On a CPU the weights are
laid out once for the library's kernels, which read them faster then, and give a row the same bits whatever the batch
(docs/experiments.md).
"""

from __future__ import annotations

from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from peft.utils.integrations import dequantize_module_weight
from torch.nn.functional import linear
from transformers.pytorch_utils import Conv1D

from luthier.models.precision import has_native_bfloat16

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from transformers import PreTrainedModel

    from luthier.engine.adapters.adapter import Adapter

LINEAR = (torch.nn.Linear, Conv1D)

ROWS_IN_MIND = 32
"""For which oneDNN chooses the layout; others are as quick with it, from one row to hundreds."""


class _Stack(NamedTuple):
    """What n adapters add to some layers, each filled up to the largest rank R with zeros.

    `scales` has a row for each adapter, and a last one for rows without; None where no adapter scales.
    """

    version: int
    downs: torch.Tensor  # (n, in, R)
    ups: torch.Tensor  # (n, R, sum of out)
    scales: torch.Tensor | None  # (n + 1, sum of out)


class _Members(NamedTuple):
    """Which of n adapters each of T rows has, for itself and grouped by adapter, each group filled up to w rows."""

    numbers: torch.Tensor  # (T,): n for a row without an adapter
    is_stranger: torch.Tensor | None  # (T, 1): whether a row has none; None when all have one
    only: int | None  # the adapter that all members have
    slots: torch.Tensor  # (n * w,): the rows of each group
    order: torch.Tensor  # (T,): each row's slot


class Routing:
    """Which adapter each row of the next call is for; shared by all layers of a model."""

    def __init__(self) -> None:
        self.version = 0
        self.adapters: list[Adapter] = []
        self.is_plain = True
        self.weights: dict[str, Callable[[], torch.Tensor]] = {}
        self._numbers = {False: torch.empty(0, dtype=torch.long)}  # also for the head: True
        self._members: dict[bool, _Members] = {}

    def direct(self, adapters: Sequence[Adapter | None], *, heads: Sequence[int]) -> None:
        """Row by row. The head computes only the rows at the places `heads`, in that order."""
        wanted = dict.fromkeys(adapter for adapter in adapters if adapter is not None)
        self.is_plain = not wanted
        self._members.clear()
        if self.is_plain:
            return
        if not wanted.keys() <= set(self.adapters):
            idle = [adapter for adapter in self.adapters if adapter not in wanted]
            # They may come back, but every product is made for them too.
            self._restack([*wanted, *idle[: len(wanted)]])
        numbers = {adapter: number for number, adapter in enumerate(self.adapters)}
        none = len(numbers)
        rows = torch.tensor([none if each is None else numbers[each] for each in adapters])
        self._numbers = {False: rows, True: rows[list(heads)]}

    def forget(self, adapter: Adapter) -> None:
        """Lets go of an adapter that is to leave the memory."""
        if adapter in self.adapters:
            self._restack([each for each in self.adapters if each is not adapter])

    def get_weight(self, path: str) -> torch.Tensor:
        """(out, in): the dense weight of the layer that stands at `path` in the model. Raises KeyError."""
        return self.weights[path]()

    def find_members(self, x: torch.Tensor, *, is_head: bool) -> _Members:
        """Of the rows x."""
        if is_head not in self._members:
            self._members[is_head] = _group(self._numbers[is_head], len(self.adapters), x)
        return self._members[is_head]

    def _restack(self, adapters: list[Adapter]) -> None:
        self.adapters = adapters
        self.version += 1


class LinearStack:
    """Linear layers that read the same input, as one; its result is those of the layers side by side."""

    def __init__(self, layers: Mapping[str, Any], routing: Routing, *, is_head: bool = False) -> None:
        """`layers` by their paths in the model; several only if `can_stack`. Takes their weights from them."""
        self._routing = routing
        self._is_head = is_head
        self._paths = list(layers)
        kernel = _take_weights(list(layers.values()))
        self.widths, self._multiply, self._bias = kernel.widths, kernel.multiply, kernel.bias
        for place, path in enumerate(self._paths):
            routing.weights[path] = partial(kernel.get_weight, place)
        self._stack: _Stack | None = None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(T, in) to (T, sum of out)"""
        if self._routing.is_plain:
            return self._multiply(x, self._bias)
        if self._stack is None or self._stack.version != self._routing.version:
            self._stack = self._build_stack(x)
        stack, members = self._stack, self._routing.find_members(x, is_head=self._is_head)
        if not stack.downs.numel():
            return self._multiply(x, self._bias)
        if stack.scales is None:
            return _add_adapters(stack, members, x, self._multiply(x, self._bias))
        # DoRA scales what the weights make of the input, and the bias not: https://arxiv.org/abs/2402.09353
        y = _add_adapters(stack, members, x, self._multiply(x, None)) * stack.scales[members.numbers]
        return y if self._bias is None else y + self._bias

    def _build_stack(self, x: torch.Tensor) -> _Stack:
        """In the precision of the inputs x."""
        adapters, width = self._routing.adapters, sum(self.widths)
        parts = [[adapter.parts.get(path) for path in self._paths] for adapter in adapters]
        rank = max((sum(len(part.down) for part in each if part) for each in parts), default=0)
        downs, ups = x.new_zeros(len(adapters), x.shape[1], rank), x.new_zeros(len(adapters), rank, width)
        scales = x.new_ones(len(adapters) + 1, width)
        for number, each in enumerate(parts):
            column = start = 0
            for part, end in zip(each, accumulate(self.widths), strict=True):
                if part is not None:
                    columns = slice(column, column := column + len(part.down))
                    downs[number, :, columns] = part.down.t()
                    ups[number, columns, start:end] = part.up.t()
                    if part.output_scale is not None:
                        scales[number, start:end] = part.output_scale
                start = end
        has_scales = any(part and part.output_scale is not None for each in parts for part in each)
        return _Stack(self._routing.version, downs, ups, scales if has_scales else None)


class _Kernel(NamedTuple):
    """`multiply` takes (T, in) and the bias or None; `get_weight` gives the dense weight of one of the layers."""

    widths: list[int]
    multiply: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
    bias: torch.Tensor | None
    get_weight: Callable[[int], torch.Tensor]


def adapt_linears(model: PreTrainedModel, routing: Routing) -> None:
    """Changes in place those that `routing` does not know yet as parts of a stack; without adapters they compute what
    they did."""
    head = model.get_output_embeddings()
    for path, module in list(model.named_modules()):
        if isinstance(module, LINEAR) and path not in routing.weights:
            stack = LinearStack({path: module}, routing, is_head=module is head)
            install_forward(module, partial(_run_layer, stack))


def can_stack(layers: Sequence[torch.nn.Module]) -> bool:
    """Whether all are plain, with or without bias alike."""
    return all(type(layer) is torch.nn.Linear for layer in layers) and len({_has_bias(layer) for layer in layers}) == 1


def install_forward(module: torch.nn.Module, forward: Callable[..., Any]) -> None:
    """Past the module's own bookkeeping, which is for parameters and submodules."""
    object.__setattr__(module, "forward", forward)


def _add_adapters(stack: _Stack, members: _Members, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """In place."""
    if members.only is not None:
        low = x @ stack.downs[members.only]
        low = low if members.is_stranger is None else low.masked_fill_(members.is_stranger, 0)
        return y.addmm_(low, stack.ups[members.only])
    grouped = x.index_select(0, members.slots).view(len(stack.downs), -1, x.shape[1])
    added = torch.bmm(torch.bmm(grouped, stack.downs), stack.ups).flatten(0, 1).index_select(0, members.order)
    return y.add_(added if members.is_stranger is None else added.masked_fill_(members.is_stranger, 0))


def _group(numbers: torch.Tensor, count: int, x: torch.Tensor) -> _Members:
    """A row without an adapter has the slot of another, whose result it must not take."""
    groups = [(numbers == number).nonzero()[:, 0] for number in range(count)]
    width = max(map(len, groups))
    slots, order = torch.zeros(count, width, dtype=torch.long), torch.zeros(len(numbers), dtype=torch.long)
    for number, rows in enumerate(groups):
        slots[number, : len(rows)] = rows
        order[rows] = number * width + torch.arange(len(rows))
    present = [number for number, rows in enumerate(groups) if len(rows)]
    is_stranger = None if sum(map(len, groups)) == len(numbers) else (numbers == count)[:, None].to(x.device)
    only = present[0] if len(present) == 1 else None
    return _Members(numbers.to(x.device), is_stranger, only, slots.flatten().to(x.device), order.to(x.device))


def _run_layer(stack: LinearStack, x: torch.Tensor) -> torch.Tensor:
    return stack(x.flatten(0, -2)).view(*x.shape[:-1], -1)


def _take_weights(layers: list[Any]) -> _Kernel:
    if type(layers[0]) not in LINEAR:
        return _borrow_layer(layers[0])
    parts = [layer.weight.data.t() if isinstance(layer, Conv1D) else layer.weight.data for layer in layers]
    biases = [layer.bias.data for layer in layers if layer.bias is not None]
    widths = [len(part) for part in parts]
    weight = torch.cat(parts) if len(parts) > 1 else parts[0]
    for layer in layers:  # a new parameter, since a head's may be the embedding's too, which keeps its own
        layer.weight = torch.nn.Parameter(weight.new_empty(0), requires_grad=False)
    kept = _lay_out(weight) if _can_lay_out(weight) else weight
    multiply = partial(_multiply_laid_out, kept) if kept.is_mkldnn else partial(_multiply, kept)
    return _Kernel(
        widths,
        multiply,
        torch.cat(biases) if biases else None,
        lambda place: (kept.to_dense() if kept.is_mkldnn else kept).split(widths)[place],
    )


def _borrow_layer(layer: Any) -> _Kernel:
    """One that computes in its own way, such as from four-bit weights."""
    compute = layer.forward

    def multiply(x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        y: torch.Tensor = compute(x)
        return y if bias is layer.bias else y - layer.bias

    return _Kernel([layer.out_features], multiply, layer.bias, lambda _: dequantize_module_weight(layer).data)


def _can_lay_out(weight: torch.Tensor) -> bool:
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    return weight.dtype == torch.float32 or (weight.dtype == torch.bfloat16 and has_native_bfloat16(weight.device))


def _lay_out(weight: torch.Tensor) -> torch.Tensor:
    laid_out: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS_IN_MIND)
    return laid_out


def _multiply_laid_out(weight: torch.Tensor, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    y: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return y


def _multiply(weight: torch.Tensor, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return linear(x, weight, bias)


def _has_bias(layer: Any) -> bool:
    return layer.bias is not None
