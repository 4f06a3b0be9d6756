"""Parameters are counted from the shape alone, as they are in the model itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from safetensors.torch import load_file

from luthier.errors import InvalidConfig, UnknownBase
from luthier.models.catalog import Base
from luthier.models.loading import load_base
from luthier.models.parameters import count_trained
from luthier.models.settings import LoraSettings
from luthier.models.tuning import attach, list_trained
from tests.support.tiny import KINDS, Kind, save_base

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_full_model_a_shared_weight_counts_once(kind: Kind, tmp_path: Path) -> None:
    folder = save_base(tmp_path, kind=kind)
    assert count_trained(folder, LoraSettings(tuning="full")) == sum(
        tensor.numel() for tensor in load_file(folder / "model.safetensors").values()
    )


@pytest.mark.parametrize(
    "settings",
    [
        LoraSettings(r=3),
        LoraSettings(r=3, use_dora=True, target_modules="attention"),
        LoraSettings(target_modules=("q_proj",)),
        LoraSettings(tuning="full"),
    ],
)
def test_what_is_trained_is_counted_as_it_will_be(tiny_base: Base, settings: LoraSettings) -> None:
    model = attach(load_base(tiny_base), settings, seed=0)
    trained = sum(parameter.numel() for parameter in list_trained(model))
    assert count_trained(tiny_base.folder, settings) == trained > 0


def test_an_unknown_layer_is_refused_before_any_weight_is_read(tiny_base: Base) -> None:
    with pytest.raises(InvalidConfig, match="no layer 'w1'"):
        count_trained(tiny_base.folder, LoraSettings(target_modules=("w1",)))


def test_an_architecture_that_is_unknown_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "abacus", "architectures": ["AbacusForCausalLM"]}')
    with pytest.raises(UnknownBase, match="abacus"):
        count_trained(tmp_path, LoraSettings())
    with pytest.raises(UnknownBase, match="abacus"):
        load_base(Base("mine", tmp_path))
