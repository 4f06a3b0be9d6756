"""Four-bit bases: what they hold, that validating leaves them as they are, and what is said where they cannot be."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
import torch

from luthier.errors import MachineError
from luthier.models.loading import load_base
from luthier.models.lora import attach_adapter
from luthier.models.quantized import BITS_PER_WEIGHT, describe_quantisation
from luthier.models.settings import LoraSettings
from luthier.models.targets import list_linear_layers
from luthier.models.tuning import list_trained

if TYPE_CHECKING:
    from luthier.models.catalog import Base

needs_bitsandbytes = pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")


def test_without_bitsandbytes_the_extra_is_named(wide_base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MachineError, match="need the library bitsandbytes") as refused:
        load_base(wide_base, is_quantised=True)
    assert refused.value.hint == "pip install 'luthier[qlora]'"


@needs_bitsandbytes
def test_linear_layers_are_four_bits_and_the_rest_is_not(wide_base: Base) -> None:
    whole = load_base(wide_base, precision="bfloat16").model
    quantised = load_base(wide_base, precision="bfloat16", is_quantised=True).model
    layers = list_linear_layers(quantised)
    assert layers == list_linear_layers(whole)
    stored = sum(quantised.get_submodule(layer).weight.nbytes for layer in layers)
    assert stored == sum(whole.get_submodule(layer).weight.numel() for layer in layers) / 2
    others = {
        parameter.dtype for name, parameter in quantised.named_parameters() if name[: -len(".weight")] not in layers
    }
    assert others == {torch.bfloat16}
    assert not any(parameter.requires_grad for parameter in quantised.parameters())


@needs_bitsandbytes
def test_quantised_weights_are_near_the_whole_ones(wide_base: Base) -> None:
    """NF4 of normally distributed weights is off by 9 % of their deviation, in the root mean square."""
    from bitsandbytes.functional import dequantize_4bit

    whole = load_base(wide_base, precision="float32").model
    quantised = load_base(wide_base, precision="float32", is_quantised=True).model
    for layer in list_linear_layers(whole):
        weight = whole.get_submodule(layer).weight
        rounded = quantised.get_submodule(layer).weight
        error = (dequantize_4bit(rounded.data, rounded.quant_state) - weight).square().mean().sqrt() / weight.std()
        assert 0.08 < error < 0.1


@needs_bitsandbytes
@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU unpacks every size")
def test_layers_that_a_cpu_would_unpack_wrongly_are_refused(tiny_base: Base) -> None:
    with pytest.raises(MachineError, match=r"multiple of 64 inputs, and model\.layers\.0\.self_attn\.q_proj has 32"):
        load_base(tiny_base, is_quantised=True)


@needs_bitsandbytes
def test_a_validation_between_two_steps_changes_no_weight_and_stops_no_gradient(wide_base: Base) -> None:
    """bitsandbytes would repack what computes outside training on some CPUs, and let no gradient through it then."""
    base = load_base(wide_base, precision="bfloat16", is_quantised=True)
    model = attach_adapter(base.model, LoraSettings(r=2), seed=0)
    ids = torch.arange(40)[None]

    def collect_gradients() -> torch.Tensor:
        model.train()
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        return torch.cat([parameter.grad.flatten() for parameter in list_trained(model) if parameter.grad is not None])

    before = collect_gradients()
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        model(input_ids=ids)
    assert torch.equal(collect_gradients(), before)


@needs_bitsandbytes
def test_that_a_cpu_is_slow_is_said(wide_base: Base) -> None:
    said: list[str] = []
    load_base(wide_base, is_quantised=True, announce=said.append)
    assert torch.cuda.is_available() or ["tuning=lora is faster" in line for line in said] == [True]


@needs_bitsandbytes
def test_a_weight_takes_little_over_four_bits() -> None:
    from bitsandbytes.nn import Params4bit

    describe_quantisation(torch.bfloat16)
    weight = Params4bit(torch.randn(512, 512), requires_grad=False, quant_type="nf4", compress_statistics=True)
    state = weight.to("cpu").quant_state
    held = weight.nbytes + state.absmax.nbytes + state.state2.absmax.nbytes
    assert held * 8 / 512**2 == pytest.approx(BITS_PER_WEIGHT)
