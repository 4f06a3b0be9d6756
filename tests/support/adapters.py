"""Registered adapters of random numbers, many of them in little time: nothing is trained."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from luthier.models.card import CARD_FILE, TRAINED_ON_FILE, ModelCard
from luthier.models.digest import digest_weights
from luthier.models.loading import load_template
from luthier.models.lora import ADAPTER_FILE, attach_adapter, get_adapter_state
from luthier.models.registry import TunedModel
from luthier.models.tensors import digest_tensors
from luthier.store.catalog import register_model, start_run
from tests.support.tiny import SMALL_ADAPTER, build_model

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from luthier.models.settings import LoraSettings
    from luthier.store.home import Home

RUN = "a run that was not"


class AdapterMaker:
    """Of adapters for one base, which is a model of `tests.support.tiny`; no two are alike."""

    def __init__(self, home: Home, base: Base, *, settings: LoraSettings = SMALL_ADAPTER, **changes: Any) -> None:
        """`changes` are those that the base's config was made with."""
        self._home = home
        self._base = base
        self._settings = settings
        self._mould = attach_adapter(build_model(**changes), settings, seed=0)
        self._hashes = digest_weights(base.folder), load_template(base).hash
        self._generator = torch.Generator().manual_seed(0)
        start_run(home.database, id=RUN, name="made up", base=base.name, config={}, dataset_fingerprint="")

    def keep(self, name: str, *, strength: float = 1.0) -> TunedModel:
        """Without the care for power cuts that `keep_model` takes, which costs more time than all the rest.

        What the adapter adds to its base is multiplied by `strength`.
        """
        folder = self._home.models / name
        card = self._write(folder, name, strength=strength)
        manifest = card.model_dump(mode="json")
        hashes = {"weights_hash": card.weights_hash, "run_id": RUN}
        register_model(self._home.database, name=name, base=card.base, card=manifest, **hashes)
        return TunedModel(name, folder, card)

    def replace(self, tuned: TunedModel) -> TunedModel:
        """As if the model had been tuned anew under its old name."""
        shutil.rmtree(tuned.folder)
        return TunedModel(tuned.name, tuned.folder, self._write(tuned.folder, tuned.name))

    def _write(self, folder: Path, name: str, *, strength: float = 1.0) -> ModelCard:
        tensors = {path: tensor * (strength if "lora_B" in path else 1) for path, tensor in self._draw().items()}
        card = self._describe(name, tensors)
        self._mould.peft_config["default"].save_pretrained(str(folder))
        save_file(tensors, folder / ADAPTER_FILE)
        (folder / CARD_FILE).write_text(card.model_dump_json())
        (folder / TRAINED_ON_FILE).touch()
        return card

    def _draw(self) -> dict[str, torch.Tensor]:
        shapes = {name: tensor.shape for name, tensor in get_adapter_state(self._mould).items()}
        return {name: 0.1 + 0.1 * torch.randn(shape, generator=self._generator) for name, shape in shapes.items()}

    def _describe(self, name: str, tensors: dict[str, torch.Tensor]) -> ModelCard:
        return ModelCard(
            name=name,
            base=self._base.name,
            base_weights_hash=self._hashes[0],
            weights_hash=digest_tensors(tensors),
            template_hash=self._hashes[1],
            system_prompt="",
            data={"name": "made up", "rows": 0, "fingerprint": ""},
            config=self._settings.model_dump(),
            metrics={},
            run=RUN,
            luthier_version="0",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
