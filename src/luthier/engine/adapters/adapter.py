"""What an adapter adds to its base: tensors by the name of the layer, however they were trained, for any runner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch


class LowRank(NamedTuple):
    """Beside a linear layer with weight W and bias b, the input x (..., in) becomes

        ((x W.T + (x down.T) up.T) * output_scale) + b

    with `down` (r, in) and `up` (out, r), into which the adapter's scaling is multiplied. `output_scale` (out,) is of
    DoRA alone (https://arxiv.org/abs/2402.09353): the magnitude over the norm of the adapted weight's rows.
    """

    down: torch.Tensor
    up: torch.Tensor
    output_scale: torch.Tensor | None = None

    @property
    def byte_count(self) -> int:
        return sum(tensor.untyped_storage().nbytes() for tensor in self if tensor is not None)


@dataclass(frozen=True, eq=False)
class Adapter:
    """`parts` are named by the linear layer's path in the base model; two adapters are the same only if they are one
    object, so that a model that was tuned again under its old name is another."""

    name: str
    weights_hash: str
    parts: Mapping[str, LowRank]
    byte_count: int = field(init=False)
    rank: int = field(init=False)
    """The highest of its parts."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", max((len(part.down) for part in self.parts.values()), default=0))
        object.__setattr__(self, "byte_count", sum(part.byte_count for part in self.parts.values()))
