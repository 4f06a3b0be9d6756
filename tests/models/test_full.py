"""Training every weight: float32 masters beside weights that compute in bfloat16, and a whole model on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from transformers import AutoModelForCausalLM

from luthier.models.catalog import Base
from luthier.models.full import FullModel, save_full
from luthier.models.loading import load_base, load_template
from tests.support.tiny import KINDS, Kind, build_model, save_base

if TYPE_CHECKING:
    from pathlib import Path

IDS = torch.arange(40)[None]


def compute_loss(model: torch.nn.Module) -> torch.Tensor:
    loss: torch.Tensor = model(input_ids=IDS, labels=IDS).loss
    return loss


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_is_trained_and_a_shared_one_once(kind: Kind) -> None:
    model = FullModel(build_model(torch.bfloat16, kind=kind))
    compute_loss(model).backward()
    assert model.dtype == torch.bfloat16
    assert {master.dtype for master in model.masters.values()} == {torch.float32}
    assert all(master.grad is not None for master in model.masters.values())
    assert sum(master.numel() for master in model.masters.values()) == model.inner.num_parameters()


def test_updates_too_small_for_bfloat16_add_up() -> None:
    model = FullModel(build_model(torch.bfloat16))
    name, master = next(iter(model.masters.items()))
    before = model.inner.get_parameter(name).detach().clone()
    for _ in range(100):  # each is far below half a unit in the last place of 1
        master.data.add_(before.float().abs() * 2e-4)
        model.round_masters()
    after = model.inner.get_parameter(name).detach()
    assert torch.allclose(after.float(), before.float() + before.float().abs() * 0.02, rtol=5e-3)
    assert not torch.equal(after, before)
    assert torch.equal(before + before.abs() * 2e-4, before)


def test_gradients_of_several_batches_add_up_in_float32() -> None:
    """Each is rounded once, and their sum is not."""
    once, often = FullModel(build_model(torch.bfloat16)), FullModel(build_model(torch.bfloat16))
    compute_loss(once).backward()
    for _ in range(20):
        compute_loss(often).backward()
    for one, sum_of_many in zip(once.masters.values(), often.masters.values(), strict=True):
        assert one.grad is not None
        assert sum_of_many.grad is not None
        assert torch.allclose(sum_of_many.grad, one.grad * 20, rtol=1e-6)
    assert all(weight.grad is None for weight in often.inner.parameters())


def test_in_float32_weights_are_their_own_masters() -> None:
    model = FullModel(build_model())
    assert all(master is model.inner.get_parameter(name) for name, master in model.masters.items())


def test_stepping_the_weights_leaves_the_bases_file_as_it_is(tmp_path: Path) -> None:
    """On a CPU they are mapped from that file, so only a private mapping keeps them apart."""
    folder = save_base(tmp_path)
    before = (folder / "model.safetensors").read_bytes()
    model = FullModel(load_base(Base("base", folder), precision="float32").model)
    model.set_masters({name: master + 1 for name, master in model.masters.items()})
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_is_a_complete_model_that_computes_the_same(kind: Kind, tmp_path: Path) -> None:
    base = load_base(Base("base", save_base(tmp_path / "base", kind=kind)), precision="bfloat16")
    model = FullModel(base.model)
    model.set_masters({name: master + 0.01 for name, master in model.masters.items()})
    save_full(model, tmp_path / "tuned", base=base)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "tuned", dtype=torch.bfloat16)
    with torch.no_grad():
        assert torch.equal(loaded(IDS).logits, model(IDS).logits)
    tied = loaded.get_input_embeddings().weight is loaded.get_output_embeddings().weight
    assert tied == (kind in ("qwen3", "gemma3"))
    assert load_template(Base("tuned", tmp_path / "tuned")).hash == base.template.hash
    assert load_template(Base("tuned", tmp_path / "tuned")).stop_ids == base.template.stop_ids


def test_what_stops_the_base_stops_the_model(tmp_path: Path) -> None:
    """A generation_config that transformers itself would not write again is kept as it is."""
    folder = save_base(tmp_path / "base")
    (folder / "generation_config.json").write_text('{"eos_token_id": [3, 7], "temperature": 0.6, "do_sample": false}')
    base = load_base(Base("base", folder))
    save_full(FullModel(base.model), tmp_path / "tuned", base=base)
    assert {3, 7} <= load_template(Base("tuned", tmp_path / "tuned")).stop_ids
