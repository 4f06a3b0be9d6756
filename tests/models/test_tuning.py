"""What the training loop asks of a model, whatever of it is trained."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
import torch
from peft import PeftModel

from luthier.errors import StoreDamaged
from luthier.models.loading import LoadedBase, load_base
from luthier.models.settings import LoraSettings, Tuning
from luthier.models.tuning import (
    attach,
    can_show_start,
    digest_trained,
    get_trained_state,
    list_trained,
    read_saved,
    save_trained,
    set_trained_state,
    show_start,
    update_weights,
)

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from luthier.models.tuning import TrainedModel

IDS = torch.arange(40)[None]
NEEDS_BITSANDBYTES = pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
TUNINGS = ["lora", pytest.param("qlora", marks=NEEDS_BITSANDBYTES), "full"]


def load(base: Base, tuning: Tuning) -> LoadedBase:
    return load_base(base, precision="bfloat16", is_quantised=tuning == "qlora")


def prepare(base: Base, tuning: Tuning, *, r: int = 4) -> TrainedModel:
    return attach(load(base, tuning), LoraSettings(tuning=tuning, r=r), seed=0)


def compute_logits(model: TrainedModel) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        logits: torch.Tensor = model(input_ids=IDS).logits
    return logits


def take_step(model: TrainedModel) -> float:
    optimizer = torch.optim.AdamW(list_trained(model), lr=0.01)
    loss = torch.nn.functional.cross_entropy(compute_logits(model)[0, :-1].float(), IDS[0, 1:])
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    update_weights(model)
    return float(loss)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_steps_teach_and_what_is_stepped_is_float32(wide_base: Base, tuning: Tuning) -> None:
    model = prepare(wide_base, tuning)
    losses = [take_step(model) for _ in range(8)]
    assert losses[-1] < 0.7 * losses[0]
    assert {parameter.dtype for parameter in list_trained(model)} == {torch.float32}


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_state_brings_a_fresh_model_to_where_the_old_one_was(wide_base: Base, tuning: Tuning) -> None:
    trained, fresh = prepare(wide_base, tuning), prepare(wide_base, tuning)
    take_step(trained)
    assert not torch.equal(compute_logits(fresh), compute_logits(trained))
    assert digest_trained(fresh) != digest_trained(trained)
    set_trained_state(fresh, get_trained_state(trained))
    assert torch.equal(compute_logits(fresh), compute_logits(trained))
    assert digest_trained(fresh) == digest_trained(trained)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_what_is_saved_is_the_trained_state(wide_base: Base, tuning: Tuning, tmp_path: Path) -> None:
    loaded = load(wide_base, tuning)
    model = attach(loaded, LoraSettings(tuning=tuning, r=4), seed=0)
    take_step(model)
    save_trained(model, tmp_path, base=loaded)
    state, saved = get_trained_state(model), dict(read_saved(tmp_path))
    assert saved.keys() == state.keys()
    assert all(torch.equal(tensor, state[name].to(tensor.dtype)) for name, tensor in saved.items())


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_state_of_another_shape_or_of_other_layers_is_refused(wide_base: Base, tuning: Tuning) -> None:
    model = prepare(wide_base, tuning)
    state = {name: tensor.clone() for name, tensor in get_trained_state(model).items()}
    before = digest_trained(model)
    name = next(iter(state))
    for wrong in ({**state, name: state[name][..., :-1]}, {**state, "more": state[name]}, {name: state[name]}):
        with pytest.raises(StoreDamaged, match="do not fit the model that is trained"):
            set_trained_state(model, wrong)
    assert digest_trained(model) == before


def test_a_state_of_another_rank_is_refused(wide_base: Base) -> None:
    with pytest.raises(StoreDamaged):
        set_trained_state(prepare(wide_base, "lora"), get_trained_state(prepare(wide_base, "lora", r=8)))


def test_a_full_models_state_takes_no_second_copy_in_memory(wide_base: Base) -> None:
    model = prepare(wide_base, "full")
    held = {parameter.data_ptr() for parameter in list_trained(model)}
    assert {tensor.data_ptr() for tensor in get_trained_state(model).values()} == held


@pytest.mark.parametrize("tuning", TUNINGS)
def test_the_start_is_shown_where_it_is_still_there(wide_base: Base, tuning: Tuning) -> None:
    model = prepare(wide_base, tuning)
    start = compute_logits(model)
    take_step(model)
    assert not torch.equal(compute_logits(model), start)
    assert can_show_start(model) == (tuning != "full")
    if isinstance(model, PeftModel):
        with show_start(model):
            assert torch.equal(compute_logits(model), start)
        assert not torch.equal(compute_logits(model), start)
