"""The arithmetic between a model's matrix products, fused into one kernel each by torch's compiler where that pays.

Layers as a whole are not compiled: the packed tree that attention walks differs with each batch, and tracing layers
took minutes where these three functions, which all layers share, take seconds.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch.nn.functional import silu

from luthier.errors import InvalidConfig
from luthier.training.kernels.elementwise import EAGER, Elementwise

if TYPE_CHECKING:
    from collections.abc import Callable

CompileSetting = Literal["auto", "on", "off"]

COMPILERS = {"cuda": ("cc", "gcc", "clang"), "cpu": ("g++", "clang++")}
"""Triton builds its launchers in C, the CPU's kernels are C++: one of these has to be there."""

RECOMPILE_LIMIT = 32
"""Variants of a function, such as for widths and precisions: reached by a mistake alone, and then an error."""


def choose_elementwise(setting: CompileSetting, device_type: str) -> Elementwise:
    """Auto compiles for a GPU on a machine that can. Not for a CPU: there the kernels that need no compiler were as
    quick, step for step (docs/experiments.md).

    Raises InvalidConfig when it is asked for and the machine cannot.
    """
    if setting == "on" and not can_compile(device_type):
        missing = " or ".join(COMPILERS[device_type]) if has_triton(device_type) else "triton"
        raise InvalidConfig(
            f"this machine cannot compile: it has no {missing}",
            hint="install what is missing, or set compile to off",
        )
    if setting == "on":
        return compile_elementwise()
    if setting == "off" or device_type != "cuda" or not can_compile(device_type):
        return EAGER
    compiled = compile_elementwise()
    return compiled if is_sound(compiled, device_type) else EAGER


def is_sound(compiled: Elementwise, device_type: str) -> bool:
    """Whether a first call goes through: a compiler that is there may still be at odds with what else is installed."""
    from torch._dynamo.exc import TorchDynamoException  # a second to import, which a run without compiler saves

    try:
        compiled.gate(torch.ones(2, 4, device=device_type))
    except TorchDynamoException:
        return False
    return True


def can_compile(device_type: str) -> bool:
    return has_triton(device_type) and any(shutil.which(name) for name in COMPILERS[device_type])


def has_triton(device_type: str) -> bool:
    """Which torch brings along for GPUs; a CPU needs none."""
    return device_type == "cpu" or find_spec("triton") is not None


def compile_elementwise(*, backend: str = "inductor") -> Elementwise:
    """Each compiles at its first call, once for all lengths."""
    return Elementwise(*(_compile(function, backend) for function in PLAIN))


def normalise(x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    """In float32 or finer, and rounded before the weight, as in Llama."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)).to(x.dtype) * weight


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    one, other = x.chunk(2, -1)
    return x * cos[:, None] + torch.cat((-other, one), -1) * sin[:, None]


def gate(gate_and_up: torch.Tensor) -> torch.Tensor:
    opening, up = gate_and_up.chunk(2, -1)
    return silu(opening) * up


PLAIN = Elementwise(normalise, rotate, gate)
"""The formulas as they are written: what the compiler is given, and what it is tested against."""


def _compile(function: Callable[..., torch.Tensor], backend: str) -> Callable[..., torch.Tensor]:
    """A graph that would break, or be compiled again and again, is an error and never a silent detour."""
    settings: dict[str, Any] = {"dynamic": True, "fullgraph": True, "recompile_limit": RECOMPILE_LIMIT}
    compiled: Callable[..., torch.Tensor] = torch.compile(function, backend=backend, **settings)
    return compiled
