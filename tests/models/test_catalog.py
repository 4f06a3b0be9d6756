"""Names of bases become folders, or an error that says which names work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from safetensors.torch import load_file

from luthier.errors import HubUnreachable, UnknownBase
from luthier.models.architecture import read_architecture
from luthier.models.catalog import EMBEDDED_BASES, locate_base
from luthier.models.loading import load_base
from luthier.models.parameters import count_trained
from luthier.models.settings import LoraSettings
from tests.support.tiny import build_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from luthier.models.settings import TargetModules
    from luthier.store.home import Home


def test_a_local_folder_is_taken_as_it_is(home: Home, tiny_base: Base) -> None:
    assert locate_base(home, str(tiny_base.folder)).folder == tiny_base.folder


def test_an_unknown_name_is_answered_with_the_near_one(home: Home) -> None:
    with pytest.raises(UnknownBase, match="no base model is called 'smollm2-135'") as caught:
        locate_base(home, "smollm2-135")
    assert "did you mean smollm2-135m?" in caught.value.hint


@pytest.mark.parametrize("name", ["./nothing", "/nothing/here", "~/nothing"])
def test_a_path_that_leads_nowhere_is_named(home: Home, name: str) -> None:
    with pytest.raises(UnknownBase, match="there is no folder"):
        locate_base(home, name)


def test_a_folder_without_a_model_is_refused(home: Home, tmp_path: Path) -> None:
    with pytest.raises(UnknownBase, match=r"holds no config\.json"):
        locate_base(home, str(tmp_path))


def test_pickled_weights_are_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    with pytest.raises(UnknownBase, match="holds no safetensors file") as caught:
        locate_base(home, str(tmp_path))
    assert "pickled weights are never loaded" in caught.value.hint


def test_the_hub_out_of_reach_names_what_works_without_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubUnreachable, match="cannot fetch org/name") as caught:
        locate_base(home, "org/name")
    assert all(name in caught.value.hint for name in EMBEDDED_BASES)


def test_code_that_comes_with_a_model_is_never_run(tmp_path: Path, tiny_base: Base) -> None:
    for path in tiny_base.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "foreign", "auto_map": {"AutoModelForCausalLM": "evil.Model", "AutoConfig": "evil.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(UnknownBase, match="cannot be loaded"):
        load_base(tiny_base._replace(folder=tmp_path))
    assert not (tmp_path / "ran").exists()


def test_a_damaged_weights_file_is_named(tmp_path: Path, tiny_base: Base) -> None:
    for path in tiny_base.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:5000])
    build_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(UnknownBase, match="cannot be loaded"):
        load_base(tiny_base._replace(folder=tmp_path))


def test_the_architecture_is_read_without_weights(tiny_base: Base) -> None:
    found = read_architecture(tiny_base.folder)
    assert (found.context_length, found.layers, found.hidden_size) == (1024, 2, 32)
    assert (found.query_size, found.key_value_size) == (32, 16)
    assert found.stored_bytes == (tiny_base.folder / "model.safetensors").stat().st_size
    assert found.parameters == sum(
        tensor.numel() for tensor in load_file(tiny_base.folder / "model.safetensors").values()
    )


@pytest.mark.parametrize("targets", ["all-linear", "attention", ("q_proj", "down_proj")])
def test_an_adapters_size_is_known_without_building_it(tiny_base: Base, targets: TargetModules) -> None:
    found = read_architecture(tiny_base.folder).count_adapter_parameters(3, targets)
    assert found == count_trained(tiny_base.folder, LoraSettings(r=3, target_modules=targets))


def test_a_config_that_describes_no_text_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vision"}')
    with pytest.raises(UnknownBase, match="does not describe a text model"):
        read_architecture(tmp_path)
