"""An adapter that is merged into its base's weights computes what it computed beside them."""

from __future__ import annotations

import pytest
import torch
from peft.tuners.lora import LoraLayer

from luthier.models.settings import LoraSettings
from tests.support.tiny import KINDS, Kind, build_adapted_model, build_model

SETTINGS = {
    "lora": LoraSettings(r=4, lora_alpha=8),
    "rslora": LoraSettings(r=16, lora_alpha=8, use_rslora=True),
    "dora": LoraSettings(r=4, lora_alpha=8, use_dora=True),
    "attention": LoraSettings(r=4, lora_alpha=8, target_modules="attention"),
}
IDS = torch.randint(0, 256, (2, 30), generator=torch.Generator().manual_seed(3))


def compute_logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model.eval()(input_ids=IDS).logits
    return logits


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_merged_equals_adapter(kind: Kind, settings: LoraSettings) -> None:
    model = build_adapted_model(torch.float64, kind=kind, settings=settings)
    model.set_attn_implementation("sdpa")
    beside = compute_logits(model)
    merged = compute_logits(model.merge_and_unload())
    start = compute_logits(build_model(torch.float64, kind=kind))
    assert torch.allclose(merged, beside, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(start, beside, rtol=1e-2)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_an_adapter_that_is_merged_with_another_scale_is_seen(settings: LoraSettings) -> None:
    """The gate itself: half a percent too much is far outside of what rounding does."""
    model = build_adapted_model(torch.float64, settings=settings)
    model.set_attn_implementation("sdpa")
    beside = compute_logits(model)
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.scaling["default"] *= 1.005
    assert not torch.allclose(compute_logits(model.merge_and_unload()), beside, rtol=1e-9, atol=1e-9)
