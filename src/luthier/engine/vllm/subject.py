"""A model's name becomes what vLLM has to hold for it, checked on disk as for the embedded engine.

What vLLM would serve as something else than was trained is refused here, before anything is started.
"""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from luthier.engine.adapters.description import read_description
from luthier.engine.adapters.layers import BaseLayers, list_shapes
from luthier.engine.adapters.reading import read_adapter
from luthier.engine.residence.lookup import Lookup
from luthier.errors import EngineUnavailable
from luthier.models.catalog import Base
from luthier.models.loading import load_template
from luthier.models.registry import TunedModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from luthier.engine.residence.lookup import CopyKey, Target

OTHER_ENGINE = "leave out --engine vllm: the embedded engine serves it"


class AdapterFiles(NamedTuple):
    """`name` is another one for other weights: vLLM's prefix cache tells adapters apart by their names alone."""

    name: str
    folder: Path
    rank: int


class BaseFiles:
    """A base as far as it is known without its weights."""

    def __init__(self, base: Base) -> None:
        self.name = base.name
        self.folder = base.folder
        self.template = load_template(base)
        self._config = AutoConfig.from_pretrained(base.folder, trust_remote_code=False)

    @property
    def vocabulary_size(self) -> int:
        """Width of the model's logits."""
        return int(self._config.get_text_config().vocab_size)

    @property
    def context_length(self) -> int:
        """Longest sequence in tokens that the model was made for."""
        return int(self._config.get_text_config().max_position_embeddings)

    @cached_property
    def layers(self) -> BaseLayers:
        """Shapes alone: a DoRA adapter, which would need the weights, is refused before."""
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(self._config, trust_remote_code=False)
        return BaseLayers(list_shapes(model), _refuse_weight, torch.float32, torch.device("cpu"))


class Subject(NamedTuple):
    """`adapter` is None for what answers from its weights as they are: a base, or a model tuned as a whole."""

    target: Target
    base: BaseFiles
    adapter: AdapterFiles | None = None


class Subjects:
    """For use from any thread."""

    def __init__(self, resolve: Callable[[str], TunedModel | Base], *, dtype: torch.dtype) -> None:
        self._lookup = Lookup(lambda name: _refuse_unserved(resolve(name)), dtype=dtype, on_change=lambda *_: None)
        self._lock = Lock()
        self._bases: dict[CopyKey, BaseFiles] = {}

    def find(self, name: str) -> Subject:
        """Raises UnknownModel; StoreDamaged where files are not those of the card; EngineUnavailable for what vLLM
        cannot serve as it was trained."""
        target = self._lookup.find(name)
        with self._lock:
            if target.copy not in self._bases:
                self._bases[target.copy] = BaseFiles(target.base)
            base = self._bases[target.copy]
        return Subject(target, base, None if target.adapted is None else _describe(target.adapted))


def check_adapter(subject: Subject) -> None:
    """Raises StoreDamaged for files that are not those of the card, or do not fit the base; slow."""
    tuned = subject.target.adapted
    if tuned is not None:
        read_adapter(tuned.folder, name=tuned.name, weights_hash=tuned.card.weights_hash, layers=subject.base.layers)


def _describe(tuned: TunedModel) -> AdapterFiles:
    described = read_description(tuned.folder)
    rank = max([described.r, *described.rank_pattern.values()])
    return AdapterFiles(f"{tuned.name}-{tuned.card.weights_hash[:16]}", tuned.folder, rank)


def _refuse_unserved(found: TunedModel | Base) -> TunedModel | Base:
    if not isinstance(found, TunedModel):
        return found
    if found.card.tuning == "qlora":
        raise EngineUnavailable(
            f"{found.name} was trained on four-bit weights, and vLLM would serve it on others", hint=OTHER_ENGINE
        )
    if found.card.tuning == "lora" and read_description(found.folder).use_dora:
        raise EngineUnavailable(f"{found.name} is a DoRA adapter, which vLLM does not serve", hint=OTHER_ENGINE)
    return found


def _refuse_weight(path: str) -> torch.Tensor:
    raise EngineUnavailable(f"the weight of {path} is in vLLM's memory alone", hint=OTHER_ENGINE)
