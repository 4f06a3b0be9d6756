"""The name of a model becomes the rows that it has learned from, or what is left of them: its lessons.

A run keeps its rows in the home by content, so they are found whatever became of their files, and even after the model
itself was deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from luthier.data.catalog import KIND as SPLITS
from luthier.data.catalog import read_splits
from luthier.data.likeness.imprint import read_imprints
from luthier.engine.remote.address import is_remote
from luthier.errors import StoreDamaged, UnknownArtefact, UnknownModel
from luthier.models.registry import find_model
from luthier.store.catalog import find_artefact, list_artefacts, parents_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from luthier.data.dataset import Example
    from luthier.data.likeness.imprint import Imprint
    from luthier.models.card import ModelCard
    from luthier.models.registry import TunedModel
    from luthier.store.catalog import Artefact
    from luthier.store.home import Home

Depth = Literal["rows", "sketches", "prompts", "nothing"]
"""How well the rows are known: word for word, by hashes and sketches, by the hashes of exact prompts, or not at all."""


@dataclass(frozen=True)
class TrainingFile:
    """Rows of one file from which a model has learned; their lines are those of the file."""

    name: str
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Lessons:
    """`files` are what the model was trained on, the latest first, then what the model before it was trained on.

    `note` is a sentence for people on what could not be found; "" when there is nothing to say.
    """

    model: str
    depth: Depth
    files: tuple[TrainingFile, ...] = ()
    imprints: tuple[Imprint, ...] = ()
    note: str = ""

    @property
    def rows(self) -> int:
        parts: Sequence[int] = [len(file.examples) for file in self.files] or [each.rows for each in self.imprints]
        return sum(parts)


def find_lessons(home: Home, model: str, *, read_beside: Callable[[], TrainingFile | None] = lambda: None) -> Lessons:
    """`read_beside` gives rows that may be the model's, such as those of the split that the test comes from: of them
    count those that its card knows. It is asked only where rows are missing."""
    if is_remote(model):
        return Lessons(model, "nothing", note=f"what {model} was trained on is known to whoever trained it.")
    try:
        found = find_model(home, model)
    except UnknownModel:
        note = f"whether {model} has met these cases in its own pretraining cannot be checked; newer data is safe."
        return Lessons(model, "nothing", note=note)
    return _find_kept(home, found, read_beside)


def _find_kept(home: Home, model: TunedModel, read_beside: Callable[[], TrainingFile | None]) -> Lessons:
    known = model.card.trained_on
    files = _read_files(home, model.card)
    if not _cover(files, known) and (beside := read_beside()) is not None:
        files = [file for file in (_keep_known(each, known) for each in (*files, beside)) if file.examples]
    if files and _cover(files, known):
        return Lessons(model.name, "rows", files=tuple(files))
    found = tuple(files)
    try:
        imprints = read_imprints(model.folder)
    except StoreDamaged:
        imprints = ()
    which = "some of the training rows" if files else "the training rows"
    if imprints:
        note = f"{which} of {model.name} are not kept any more, so near copies are found by their sketches."
        return Lessons(model.name, "sketches", found, imprints, note)
    if files:
        note = f"exact prompts only where rows are lost: neither they nor sketches of them are kept for {model.name}."
    else:
        note = f"exact prompts only: neither the training rows of {model.name} nor sketches of them are kept."
    return Lessons(model.name, "prompts", found, note=note)


def _read_files(home: Home, card: ModelCard) -> list[TrainingFile]:
    """Of all runs that have led to the model, as far as they are kept."""
    files = []
    for run in _list_runs(home, card.run, card.base):
        for parent in parents_of(home.database, run.fingerprint):
            if parent.kind == SPLITS:
                try:
                    train = read_splits(home, parent.fingerprint).train
                except (UnknownArtefact, StoreDamaged):
                    continue
                file = TrainingFile(train.path.name, train.examples)
                files.append(_keep_known(file, card.trained_on) if run.name == card.run else file)
    return [file for file in files if file.examples]


def _list_runs(home: Home, run: str, base: str) -> Iterator[Artefact]:
    """The run itself, then the one that made the adapter it went on from, and the one that made its base."""
    cards = [artefact.manifest for artefact in list_artefacts(home.database, "model")]
    waiting, seen = [(run, base)], set()
    while waiting:
        run, base = waiting.pop(0)
        if run in seen:
            continue
        seen.add(run)
        try:
            artefact = find_artefact(home.database, run)
        except UnknownArtefact:
            continue
        yield artefact
        start = artefact.manifest.get("start")
        waiting += [_name_run(card) for card in cards if card["weights_hash"] == start]
        waiting += [_name_run(card) for card in cards if card["name"] == base]


def _name_run(card: dict[str, Any]) -> tuple[str, str]:
    return card["run"], card["base"]


def _keep_known(file: TrainingFile, prompts: frozenset[str]) -> TrainingFile:
    """Rows that were too long to be learned are none of the model's."""
    return TrainingFile(file.name, tuple(each for each in file.examples if each.prompt_fingerprint in prompts))


def _cover(files: Sequence[TrainingFile], prompts: frozenset[str]) -> bool:
    return prompts <= {example.prompt_fingerprint for file in files for example in file.examples}
