"""A model's name becomes a lease on its weights and its adapter, which are loaded when they are first asked for.

All that is in memory stands under one budget. A base gets what its weights take, and for keys and values half of what
is then left, but no more than `MOST_SEQUENCES` full contexts could use; adapters and further bases share the rest. When
it is not enough, what was asked for least recently and is in nobody's use leaves.
"""

from __future__ import annotations

import gc
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, Self, TypeVar

import torch

from luthier.engine.adapters.layers import BaseLayers, list_shapes
from luthier.engine.adapters.reading import WEIGHTS_FILE, read_adapter
from luthier.engine.residence.footprint import choose_budget, count_bytes
from luthier.engine.residence.holding import Loaded, Wish
from luthier.engine.residence.holdings import Holdings
from luthier.engine.residence.lookup import Lookup
from luthier.errors import StoreDamaged, UnknownBase
from luthier.models.loading import load_base, translate_memory_errors
from luthier.models.precision import choose_device, choose_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from luthier.engine.adapters.adapter import Adapter
    from luthier.engine.protocol import ModelIdentity
    from luthier.engine.residence.holding import Holding
    from luthier.engine.residence.lookup import Target
    from luthier.models.catalog import Base
    from luthier.models.loading import LoadedBase
    from luthier.models.registry import TunedModel
    from luthier.models.settings import Precision
    from luthier.tokens.chat_template import ChatTemplate

LEAST_TOKENS = 2048
"""That a base's memory for keys and values holds, or its context if that is shorter; else it does not fit."""

MOST_SEQUENCES = 64


class Served(Protocol):
    """What answers from one copy of a base's weights."""

    def get_weight(self, path: str) -> torch.Tensor:
        """(out, in): the dense weight of a linear layer of the base; called in a thread that loads."""
        ...

    def forget(self, adapter: Adapter) -> None:
        """The adapter leaves memory, and nobody has a lease on it."""
        ...

    def close(self) -> None:
        """The copy leaves memory, and nobody has a lease on it."""
        ...


S = TypeVar("S", bound=Served)


class _Copy(NamedTuple, Generic[S]):
    base: LoadedBase
    served: S
    layers: BaseLayers


class Lease(Generic[S]):
    """What is leased does not leave memory until `release`; after that it must not be used nor held."""

    def __init__(self, holdings: Holdings, held: list[Holding], identity: ModelIdentity) -> None:
        self.identity = identity
        self._holdings = holdings
        self._held = held
        self._lock = Lock()

    @property
    def base(self) -> LoadedBase:
        return self._copy.base

    @property
    def served(self) -> S:
        return self._copy.served

    @property
    def adapter(self) -> Adapter | None:
        """None for what answers from its weights as they are."""
        return self._held[1].loaded.value if len(self._held) > 1 else None

    def release(self) -> None:
        """Once or more often, from any thread."""
        with self._lock:
            held, self._held = self._held, []
        if held:
            self._holdings.give_back(held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def _copy(self) -> _Copy[S]:
        copy: _Copy[S] = self._held[0].loaded.value
        return copy


class Pool(Generic[S]):
    """For use from any thread."""

    def __init__(
        self,
        resolve: Callable[[str], TunedModel | Base],
        build: Callable[[LoadedBase, int], S],
        *,
        precision: Precision = "auto",
        budget_bytes: int | None = None,
    ) -> None:
        """`build` is called once for each copy of weights that is loaded, in the thread that loads it, with the bytes
        that its keys and values may take. By default the budget is what the machine has to spare now."""
        self._build = build
        self._precision = precision
        self._holdings = Holdings(choose_budget() if budget_bytes is None else budget_bytes, after_leaving=_free_memory)
        dtype = choose_dtype(precision, choose_device())
        self._lookup = Lookup(resolve, dtype=dtype, on_change=self._retire)
        self._base_lock = Lock()

    @property
    def held_bytes(self) -> int:
        """Of the budget: weights, memory for keys and values, and adapters."""
        return self._holdings.held_bytes

    @property
    def budget_bytes(self) -> int:
        return self._holdings.budget_bytes

    def identify(self, name: str) -> ModelIdentity:
        """Loads no weights. Raises UnknownModel, UnknownBase, MachineError or StoreDamaged."""
        return self._lookup.find(name).identity

    def find_template(self, name: str) -> ChatTemplate:
        """Loads no weights. Raises as `identify`."""
        return self._lookup.find(name).facts.template

    def find(self, name: str) -> Lease[S] | None:
        """At once, for a model that is in memory as it stands on disk; None if it is not, or if it is the turn of
        somebody who waits: then `lease` is due, in a thread that may wait."""
        target = self._lookup.recall(name)
        if target is None:
            return None
        held = self._holdings.find(_list_keys(target))
        return None if held is None else Lease(self._holdings, held, target.identity)

    def lease(self, name: str) -> Lease[S]:
        """Loads what is missing, and waits for room while all that is in memory is in use.

        Raises as `identify`, and OutOfMemory, StoreDamaged for files that are not what they should be, or
        RequestCancelled once the pool is closed. The next call tries again.
        """
        target = self._lookup.find(name)
        return Lease(self._holdings, self._holdings.take(self._list_wishes(target)), target.identity)

    def close(self) -> None:
        """Lets go of everything: what is in use, when it is released."""
        self._holdings.close()

    def _list_wishes(self, target: Target) -> list[Wish]:
        weights_bytes, token_bytes, context_length = target.facts.footprint
        least = weights_bytes + min(LEAST_TOKENS, context_length) * token_bytes
        half = weights_bytes + max(0, self.budget_bytes - weights_bytes) // 2
        wishes = [
            Wish(
                target.copy,
                target.base.name,
                lambda granted, _: self._load_copy(target, granted),
                least_bytes=least,
                liked_bytes=max(least, min(half, weights_bytes + context_length * token_bytes)),
                most_bytes=weights_bytes + MOST_SEQUENCES * context_length * token_bytes,
            )
        ]
        if (adapted := target.adapted) is not None:
            size = _measure_file(adapted)
            read = partial(_load_adapter, adapted)
            wishes.append(Wish(target.adapter, adapted.name, read, size, size, size))
        return wishes

    def _load_copy(self, target: Target, granted_bytes: int) -> Loaded:
        loaded = self._load_base(target)
        weights_bytes, layers = count_bytes(loaded.model), list_shapes(loaded.model)
        dtype, device = loaded.model.dtype, loaded.model.device
        _, token_bytes, context_length = target.facts.footprint
        kv_bytes = max(granted_bytes - weights_bytes, min(LEAST_TOKENS, context_length) * token_bytes)
        with translate_memory_errors(f"preparing {target.base.name}"):
            served = self._build(loaded, kv_bytes)
        copy = _Copy(loaded, served, BaseLayers(layers, served.get_weight, dtype, device))
        return Loaded(copy, weights_bytes + kv_bytes, served.close)

    def _load_base(self, target: Target) -> LoadedBase:
        """One at a time: while transformers builds a model, torch's default precision is another for all threads, and
        two at once could leave it so."""
        try:
            with self._base_lock:
                loaded = load_base(target.base, precision=self._precision, is_quantised=target.copy.is_quantised)
        except UnknownBase as error:
            if target.tuned is None or target.adapted is not None:
                raise
            raise StoreDamaged(f"the weights of {error.message}", hint="tune the model again") from error
        if (loaded.weights_hash, loaded.template.hash) != target.facts[:2]:
            raise StoreDamaged(f"{target.base.name} changed while it was loaded", hint="ask again")
        return loaded

    def _retire(self, former: Target, found: Target | None) -> None:
        if former.adapter is not None and (found is None or found.adapter != former.adapter):
            self._holdings.retire(former.adapter)
        if not former.has_current_base():
            self._holdings.retire(former.copy)


def _load_adapter(tuned: TunedModel, _: int, copy: _Copy[Any]) -> Loaded:
    weights_hash = tuned.card.weights_hash
    adapter = read_adapter(tuned.folder, name=tuned.name, weights_hash=weights_hash, layers=copy.layers)
    return Loaded(adapter, adapter.byte_count, partial(copy.served.forget, adapter))


def _free_memory() -> None:
    """Modules and what runners hang on them refer to one another, so that they do not go by themselves."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _list_keys(target: Target) -> list[Hashable]:
    return [target.copy] if target.adapter is None else [target.copy, target.adapter]


def _measure_file(tuned: TunedModel) -> int:
    """At least what its tensors will take, which are float32 in the file; one that is missing is refused on reading."""
    path = tuned.folder / WEIGHTS_FILE
    return path.stat().st_size if path.is_file() else 0
