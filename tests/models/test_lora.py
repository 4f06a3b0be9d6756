"""An adapter is what its settings say, and goes back only onto a base that it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from luthier.errors import StoreDamaged
from luthier.models.lora import attach_adapter, load_adapter, save_adapter
from luthier.models.settings import LoraSettings
from tests.support.tiny import KINDS, Kind, build_adapted_model, build_model

if TYPE_CHECKING:
    from pathlib import Path

    from peft import PeftModel

IDS = torch.arange(40)[None]


def scale(settings: LoraSettings) -> float:
    model = attach_adapter(build_model(), settings, seed=0)
    scaling: float = model.get_submodule("base_model.model.model.layers.0.self_attn.q_proj").scaling["default"]
    return scaling


def save(model: PeftModel, folder: Path) -> Path:
    save_adapter(model, folder, base="tiny")
    return folder


def test_the_scale_follows_the_rank_or_its_root() -> None:
    assert scale(LoraSettings(r=16, lora_alpha=32)) == 2
    assert scale(LoraSettings(r=16, lora_alpha=32, use_rslora=True)) == 8


def test_dora_trains_magnitudes_that_start_as_the_weights_are() -> None:
    model = attach_adapter(build_model(torch.bfloat16), LoraSettings(r=2, use_dora=True), seed=0)
    magnitudes = {name: each for name, each in model.named_parameters() if "magnitude" in name}
    assert len(magnitudes) == 2 * 7
    assert all(each.requires_grad and each.dtype == torch.float32 for each in magnitudes.values())
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        start, whole = model(IDS).logits, build_model(torch.bfloat16)(IDS).logits
    assert torch.allclose(start, whole, rtol=0.05, atol=0.1)


def test_a_start_follows_from_the_seed() -> None:
    one, same, other = (attach_adapter(build_model(), LoraSettings(r=2), seed=seed) for seed in (1, 1, 2))
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_A.default.weight"
    assert torch.equal(one.get_parameter(name), same.get_parameter(name))
    assert not torch.equal(one.get_parameter(name), other.get_parameter(name))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [LoraSettings(use_rslora=True), LoraSettings(r=4, use_dora=True)])
def test_a_saved_adapter_computes_the_same_on_a_fresh_base(kind: Kind, settings: LoraSettings, tmp_path: Path) -> None:
    model = build_adapted_model(kind=kind, settings=settings)
    loaded = load_adapter(build_model(kind=kind), save(model, tmp_path), slot="kept")
    model.set_attn_implementation("sdpa")
    with torch.no_grad():
        assert torch.equal(loaded(IDS).logits, model(IDS).logits)


def test_an_adapter_of_a_base_of_other_sizes_is_refused(tmp_path: Path) -> None:
    folder = save(build_adapted_model(), tmp_path)
    wide = build_model(kind="qwen2")
    wide.model.layers[0].mlp.up_proj = torch.nn.Linear(32, 96)
    with pytest.raises(StoreDamaged, match=r"does not fit its base: .*size mismatch") as refused:
        load_adapter(wide, folder, slot="other")
    assert "of another base" in refused.value.hint


def test_an_adapter_of_a_base_with_more_layers_is_refused(tmp_path: Path) -> None:
    """PEFT would leave out what has no place, and answer with half an adapter."""
    folder = save(build_adapted_model(), tmp_path)
    short = build_model()
    del short.model.layers[1]
    with pytest.raises(StoreDamaged, match="14 of its layers are not the base's"):
        load_adapter(short, folder, slot="other")


@pytest.mark.parametrize("damage", ["tensor missing", "cut short", "file missing", "config missing"])
def test_a_damaged_adapter_is_refused(damage: str, tmp_path: Path) -> None:
    folder = save(build_adapted_model(), tmp_path)
    file = folder / "adapter_model.safetensors"
    match damage:
        case "tensor missing":
            save_file(dict(list(load_file(file).items())[1:]), file)
        case "cut short":
            file.write_bytes(file.read_bytes()[:-100])
        case "file missing":
            file.unlink()
        case "config missing":
            (folder / "adapter_config.json").unlink()
    with pytest.raises(StoreDamaged, match="does not fit its base"):
        load_adapter(build_model(), folder, slot="kept")
