"""Each row of a batch gets its own adapter, and a layer that has no adapter computes what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from transformers.pytorch_utils import Conv1D

from luthier.engine.adapters.adapter import Adapter, LowRank
from luthier.engine.runners.linears import LinearStack, Routing, adapt_linears, can_stack
from tests.support.tiny import build_model

if TYPE_CHECKING:
    from collections.abc import Sequence

IN, OUT = 12, 10


def make_layer(kind: type[torch.nn.Module] = torch.nn.Linear, *, bias: bool = False) -> torch.nn.Module:
    torch.manual_seed(3)
    if kind is Conv1D:
        layer = Conv1D(OUT, IN)
        layer.bias.data.normal_()
        return layer.requires_grad_(False)
    return torch.nn.Linear(IN, OUT, bias=bias).requires_grad_(False)


def make_adapter(seed: int, *paths: str, rank: int = 4, is_dora: bool = False) -> Adapter:
    generator = torch.Generator().manual_seed(seed)

    def draw(*sizes: int) -> torch.Tensor:
        return torch.randn(*sizes, generator=generator)

    parts = {path: LowRank(draw(rank, IN), draw(OUT, rank), 1 + draw(OUT) if is_dora else None) for path in paths}
    return Adapter(f"adapter-{seed}", str(seed), parts)


def compute_alone(
    weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor, adapter: Adapter | None, path: str
) -> torch.Tensor:
    """By LowRank's formula."""
    part = adapter.parts.get(path) if adapter else None
    y = x @ weight.t()
    if part is not None:
        y = y + x @ part.down.t() @ part.up.t()
        y = y if part.output_scale is None else y * part.output_scale
    return y if bias is None else y + bias


def check_rows(stack: LinearStack, layers: dict[str, torch.nn.Module], adapters: Sequence[Adapter | None]) -> None:
    x = torch.randn(len(adapters), IN)
    expected = torch.stack(
        [
            torch.cat([compute_alone(layer.kept, layer.bias, row, adapter, path) for path, layer in layers.items()])
            for row, adapter in zip(x, adapters, strict=True)
        ]
    )
    torch.testing.assert_close(stack(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [torch.nn.Linear, Conv1D])
@pytest.mark.parametrize("bias", [False, True])
def test_rows_of_several_adapters_and_of_none_stand_in_one_batch(kind: type[torch.nn.Module], bias: bool) -> None:
    layer = make_layer(kind, bias=bias)
    layer.kept = layer.weight.data.t() if kind is Conv1D else layer.weight.data
    routing = Routing()
    stack = LinearStack({"a": layer}, routing)
    assert torch.equal(routing.get_weight("a"), layer.kept)
    one, other, dora = make_adapter(1, "a"), make_adapter(2, "a", rank=7), make_adapter(3, "a", is_dora=True)
    elsewhere = make_adapter(4, "b")
    for adapters in ([None] * 3, [one] * 3, [None, one, other, one], [dora, None, elsewhere, one], [other, elsewhere]):
        routing.direct(adapters, heads=[])
        check_rows(stack, {"a": layer}, adapters)


def test_layers_that_read_the_same_are_one_product() -> None:
    layers = {"a": make_layer(), "b": make_layer(), "c": make_layer()}
    for layer in layers.values():
        layer.kept = layer.weight.data
    assert can_stack(list(layers.values()))
    routing = Routing()
    stack = LinearStack(layers, routing)
    adapters = [make_adapter(1, "a", "c"), None, make_adapter(2, "b"), make_adapter(3, "a", "b", "c", is_dora=True)]
    routing.direct(adapters, heads=[])
    check_rows(stack, layers, adapters)


def test_the_head_sees_the_rows_that_it_computes_in_their_order() -> None:
    layer = make_layer()
    layer.kept = layer.weight.data
    routing = Routing()
    stack = LinearStack({"head": layer}, routing, is_head=True)
    adapters = [make_adapter(1, "head"), None, make_adapter(2, "head")]
    routing.direct(adapters, heads=[2, 0, 1])
    check_rows(stack, {"head": layer}, [adapters[2], adapters[0], adapters[1]])


def test_as_many_idle_adapters_as_active_ones_stay_in_the_stack() -> None:
    routing = Routing()
    one, two, three = (make_adapter(seed, "a") for seed in range(3))
    routing.direct([one, two], heads=[])
    routing.direct([three, None], heads=[])
    assert routing.adapters == [three, one]
    version = routing.version
    routing.direct([one], heads=[])
    assert routing.version == version
    routing.forget(one)
    assert routing.adapters == [three]


def test_a_whole_model_computes_what_it_did_and_keeps_no_second_copy() -> None:
    model = build_model()
    ids = torch.tensor([[5, 6, 7]])
    weight = model.get_submodule("model.layers.0.mlp.up_proj").weight.data.clone()
    with torch.inference_mode():
        expected = model(input_ids=ids).logits
        routing = Routing()
        adapt_linears(model, routing)
        routing.direct([None], heads=[0])
        torch.testing.assert_close(model(input_ids=ids).logits, expected, rtol=1e-5, atol=1e-5)
    assert model.get_submodule("model.layers.0.mlp.up_proj").weight.numel() == 0
    assert torch.equal(routing.get_weight("model.layers.0.mlp.up_proj"), weight)
    assert model.get_input_embeddings().weight.numel() > 0


def test_four_bit_layers_compute_in_their_own_way() -> None:
    bitsandbytes = pytest.importorskip("bitsandbytes")
    layer = bitsandbytes.nn.Linear4bit(64, OUT, bias=True, compute_dtype=torch.float32, quant_type="nf4")
    layer.weight = bitsandbytes.nn.Params4bit(torch.randn(OUT, 64), requires_grad=False, quant_type="nf4")
    layer = layer.to("cpu").requires_grad_(False)
    layer.support_avx512bf16_for_cpu = False
    routing = Routing()
    stack = LinearStack({"a": layer}, routing)
    part = LowRank(torch.randn(2, 64), torch.randn(OUT, 2), torch.rand(OUT))
    adapter = Adapter("dora", "d", {"a": part})
    x = torch.randn(2, 64)
    routing.direct([adapter, None], heads=[])
    found = stack(x)
    dense = routing.get_weight("a")
    scaled = (x[0] @ dense.t() + x[0] @ part.down.t() @ part.up.t()) * part.output_scale + layer.bias
    torch.testing.assert_close(found[0], scaled, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found[1], layer(x)[1], rtol=1e-5, atol=1e-5)
