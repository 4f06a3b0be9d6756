"""A model's name becomes what it stands for on disk now: whose weights, which adapter, and what identity they have.

No weights are loaded for it, and as long as the files do not change it is looked up once.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.protocol import ModelIdentity
from luthier.engine.residence.footprint import Footprint, estimate_footprint
from luthier.errors import StoreDamaged, UnknownBase
from luthier.models.card import CARD_FILE
from luthier.models.catalog import Base
from luthier.models.digest import FileState, digest_weights, read_file_state
from luthier.models.loading import load_template
from luthier.models.quantized import describe_quantisation
from luthier.models.registry import TunedModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from luthier.tokens.chat_template import ChatTemplate

FILES_OF_A_MODEL = {".safetensors", ".json", ".jinja"}


class CopyKey(NamedTuple):
    """Of one copy of weights in memory: whatever names lead to the same files share it."""

    folder: Path
    state: tuple[FileState, ...]
    is_quantised: bool


class AdapterKey(NamedTuple):
    copy: CopyKey
    name: str
    weights_hash: str


class Facts(NamedTuple):
    """What can be known of a base without loading it."""

    weights_hash: str
    template_hash: str
    footprint: Footprint
    template: ChatTemplate


@dataclass(frozen=True)
class Target:
    """`adapted` is None for what answers from its weights as they are: a base, or a model tuned as a whole."""

    base: Base
    copy: CopyKey
    facts: Facts
    identity: ModelIdentity
    tuned: TunedModel | None = None
    card_state: FileState | None = None

    @property
    def adapted(self) -> TunedModel | None:
        return None if self.tuned is None or self.tuned.card.tuning == "full" else self.tuned

    @property
    def adapter(self) -> AdapterKey | None:
        adapted = self.adapted
        return None if adapted is None else AdapterKey(self.copy, adapted.name, adapted.card.weights_hash)

    def is_current(self) -> bool:
        """Whether its files are still those that were looked up."""
        try:
            state = None if self.tuned is None else read_file_state(self.tuned.folder / CARD_FILE)
            return state == self.card_state and self.has_current_base()
        except OSError:
            return False

    def has_current_base(self) -> bool:
        try:
            return read_folder_state(self.copy.folder) == self.copy.state
        except OSError:
            return False


class Lookup:
    def __init__(
        self,
        resolve: Callable[[str], TunedModel | Base],
        *,
        dtype: torch.dtype,
        on_change: Callable[[Target, Target | None], None],
    ) -> None:
        """`on_change` is told what a name has stood for until now, and what it stands for instead."""
        self._resolve = resolve
        self._dtype = dtype
        self._on_change = on_change
        self._targets: dict[str, Target] = {}
        self._facts: dict[CopyKey, Facts] = {}

    def recall(self, name: str) -> Target | None:
        """What is known already and still true; at the price of some looks at the disk."""
        target = self._targets.get(name)
        return target if target is not None and target.is_current() else None

    def find(self, name: str) -> Target:
        """Raises UnknownModel, UnknownBase, MachineError, or StoreDamaged for what does not fit together any more."""
        known = self.recall(name)
        if known is not None:
            return known
        former, found = self._targets.pop(name, None), None
        try:
            model = self._resolve(name)
            found = self._describe_tuned(model) if isinstance(model, TunedModel) else self._describe_base(model)
            self._targets[name] = found
        except FileNotFoundError as error:
            hint = "it may have been deleted just now; `luthier models` lists those that are there"
            raise StoreDamaged(f"files of the model {name} have gone", hint=hint) from error
        finally:
            if former is not None:
                self._on_change(former, found)
        return found

    def _describe_base(self, base: Base) -> Target:
        copy = _name_copy(base, is_quantised=False)
        facts = self._examine(base, copy)
        return Target(base, copy, facts, ModelIdentity(base.name, base.name, facts.weights_hash, facts.template_hash))

    def _describe_tuned(self, tuned: TunedModel) -> Target:
        card_state = read_file_state(tuned.folder / CARD_FILE)
        card, is_quantised = tuned.card, tuned.card.tuning == "qlora"
        base = Base(tuned.name, tuned.folder) if card.tuning == "full" else self._find_base(card.base)
        if is_quantised:
            describe_quantisation(self._dtype)
        copy = _name_copy(base, is_quantised=is_quantised)
        if card.tuning == "full":
            facts = self._examine_full(tuned, base, copy)
            weights_hash = facts.weights_hash
        else:
            facts = self._examine(base, copy)
            _check_parent(tuned, base, facts)
            weights_hash = _hash(facts.weights_hash, "nf4" if is_quantised else "", card.weights_hash)
        identity = ModelIdentity(tuned.name, card.base, weights_hash, facts.template_hash, card.trained_on)
        return Target(base, copy, facts, identity, tuned, card_state)

    def _find_base(self, name: str) -> Base:
        """A base, or a model tuned as a whole, which others may be tuned on."""
        found = self._resolve(name)
        return Base(found.name, found.folder) if isinstance(found, TunedModel) else found

    def _examine_full(self, tuned: TunedModel, base: Base, copy: CopyKey) -> Facts:
        """Raises StoreDamaged where its files are not what training has left."""
        try:
            facts = self._examine(base, copy)
        except UnknownBase as error:
            raise StoreDamaged(f"the weights of {error.message}", hint="tune the model again") from error
        if facts.template_hash != tuned.card.template_hash:
            raise StoreDamaged(
                f"the chat template of {tuned.name} has changed since it was tuned", hint="tune the model again"
            )
        return facts

    def _examine(self, base: Base, copy: CopyKey) -> Facts:
        if copy not in self._facts:
            footprint = estimate_footprint(base, dtype=self._dtype, is_quantised=copy.is_quantised)
            template = load_template(base)
            self._facts[copy] = Facts(digest_weights(base.folder), template.hash, footprint, template)
        return self._facts[copy]


def read_folder_state(folder: Path) -> tuple[FileState, ...]:
    """Of the files that a model is loaded from."""
    return tuple(read_file_state(path) for path in sorted(folder.iterdir()) if path.suffix in FILES_OF_A_MODEL)


def _name_copy(base: Base, *, is_quantised: bool) -> CopyKey:
    return CopyKey(base.folder.resolve(), read_folder_state(base.folder), is_quantised)


def _check_parent(tuned: TunedModel, base: Base, facts: Facts) -> None:
    """Refuses an adapter whose base or chat template is not the one it was trained on."""
    card = tuned.card
    if (card.base_weights_hash, card.template_hash) != (facts.weights_hash, facts.template_hash):
        raise StoreDamaged(
            f"{base.name} has changed since {tuned.name} was tuned on it",
            hint="tune the model again, or bring back the base's old weights and chat template",
        )


def _hash(*parts: str) -> str:
    return sha256("+".join(part for part in parts if part).encode()).hexdigest()
