"""Compiled arithmetic: the same as without a compiler, one graph for all lengths, chosen only where it pays."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch._dynamo.exc import TorchDynamoException, Unsupported
from torch._dynamo.testing import CompileCounterWithBackend

from luthier.errors import InvalidConfig
from luthier.training.kernels import compilation
from luthier.training.kernels.compilation import PLAIN, choose_elementwise, compile_elementwise
from luthier.training.kernels.elementwise import EAGER

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTHS = (5, 130, 77)
BOUNDS = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


def draw_inputs(length: int, dtype: torch.dtype) -> list[tuple[torch.Tensor | float, ...]]:
    """Of normalise, rotate and gate; the first of each asks for its gradient."""
    generator = torch.Generator().manual_seed(length)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(dtype)

    cos, sin = (draw(length, 4).repeat(1, 2) for _ in range(2))
    return [
        (draw(1, length, 12).requires_grad_(), draw(12), 1e-5),
        (draw(length, 3, 8).requires_grad_(), cos, sin),
        (draw(length, 20).requires_grad_(),),
    ]


def measure_error(
    one: Callable[..., torch.Tensor], other: Callable[..., torch.Tensor], inputs: tuple[torch.Tensor | float, ...]
) -> float:
    """Of results and gradients, relative to the largest entry."""
    x = inputs[0]
    assert isinstance(x, torch.Tensor)
    results = []
    for function in (one, other):
        output = function(*inputs)
        (grad,) = torch.autograd.grad(output, x, torch.linspace(-1, 1, output.numel()).view_as(output).to(x.dtype))
        results.append((output.detach().float(), grad.float()))
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("dtype", list(BOUNDS))
def test_the_formulas_are_those_of_the_kernels_that_need_no_compiler(dtype: torch.dtype) -> None:
    for plain, eager, inputs in zip(PLAIN, EAGER, draw_inputs(9, dtype), strict=True):
        assert measure_error(plain, eager, inputs) < BOUNDS[dtype]


def test_one_graph_serves_all_lengths() -> None:
    counter = CompileCounterWithBackend("aot_eager")
    compiled = compile_elementwise(backend=counter)
    for length in LENGTHS:
        for function, eager, inputs in zip(compiled, EAGER, draw_inputs(length, torch.float32), strict=True):
            assert measure_error(function, eager, inputs) < BOUNDS[torch.float32]
    assert counter.frame_count == len(PLAIN)


def test_a_graph_that_would_break_is_an_error() -> None:
    def gate(x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x  # asks for a value in the middle of tracing

    broken = compilation._compile(gate, "eager")
    with pytest.raises(Unsupported):
        broken(torch.ones(3))


REAL_COMPILATION = """
from luthier.training.kernels.compilation import compile_elementwise
from luthier.training.kernels.elementwise import EAGER
from tests.training.kernels import test_compilation as here
import torch

compiled = compile_elementwise()
for length in here.LENGTHS:
    inputs = here.draw_inputs(length, torch.float32)[2]
    assert here.measure_error(compiled.gate, EAGER.gate, inputs) < here.BOUNDS[torch.float32]
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch's compiler for CPUs builds with g++")
def test_what_is_really_compiled_is_the_same() -> None:
    """In a process of its own: the compiler imports setuptools, which minds what other tests have imported."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", REAL_COMPILATION], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_compiler_that_fails_is_left_alone_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(rows: torch.Tensor) -> torch.Tensor:
        raise TorchDynamoException("no header")

    monkeypatch.setattr(compilation, "compile_elementwise", lambda: EAGER._replace(gate=fail))
    assert not compilation.is_sound(compilation.compile_elementwise(), "cpu")
    assert compilation.is_sound(EAGER, "cpu")


@pytest.mark.parametrize(
    ("setting", "device_type", "is_compiled"),
    [
        ("off", "cuda", False),
        ("off", "cpu", False),
        ("auto", "cuda", True),
        ("auto", "cpu", False),
        ("on", "cuda", True),
        ("on", "cpu", True),
    ],
)
def test_auto_compiles_for_gpus_alone(
    setting: compilation.CompileSetting, device_type: str, is_compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "find_spec", lambda name: object())
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(compilation, "is_sound", lambda compiled, device_type: True)
    assert (choose_elementwise(setting, device_type) is not EAGER) == is_compiled


@pytest.mark.parametrize(("device_type", "missing"), [("cuda", "triton"), ("cpu", "g\\+\\+ or clang\\+\\+")])
def test_a_machine_that_cannot_compile_is_told_what_is_missing(
    device_type: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert choose_elementwise("auto", device_type) is EAGER
    with pytest.raises(InvalidConfig, match=missing):
        choose_elementwise("on", device_type)
