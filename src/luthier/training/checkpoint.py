"""A run's state on disk: enough to go on as if nothing had happened, and checked before it is believed.

Each checkpoint is a folder that is complete or absent, with the SHA-256 of its files in a manifest. What a disk has
altered since is noticed, and the checkpoint before it is used. Random numbers need no place here: those of a step
follow from the seed and the step.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from safetensors.torch import load_file, save_file

from luthier.errors import StoreDamaged
from luthier.models.digest import digest_file
from luthier.models.tuning import get_trained_state, set_trained_state
from luthier.store.files import replace_folder, translate_disk_errors, write_atomic
from luthier.training.optimizer import get_optimizer_state, set_optimizer_state
from luthier.training.watch import Record, restore_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import torch

    from luthier.models.tuning import TrainedModel
    from luthier.training.learner import Learner

FORMAT = 1
MANIFEST = "manifest.json"
TRAINED = "trained.safetensors"
OPTIMIZER = "optimizer.safetensors"
PROGRESS = "progress.json"
KEPT = 2
"""The latest ones, in case one is damaged; besides these, those that each of them needs."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; `step` counts finished optimizer steps and `seconds` those spent on them."""

    token_budget: int
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    record: Record = field(default_factory=Record)

    @property
    def best_step(self) -> int:
        """0 before the first validation."""
        return self.record.best.step if self.record.best else 0

    @property
    def best_loss(self) -> float:
        return self.record.best.loss if self.record.best else float("inf")


class Snapshot(NamedTuple):
    """What a checkpoint holds; with weights spread over several processes, only all of them together can take it."""

    trained: dict[str, torch.Tensor]
    optimizer: dict[str, torch.Tensor]
    progress: Progress


class Restored(NamedTuple):
    """`remarks` say which checkpoints were passed over, and why."""

    progress: Progress
    remarks: tuple[str, ...]


def take_snapshot(learner: Learner, progress: Progress) -> Snapshot:
    return Snapshot(get_trained_state(learner.model), get_optimizer_state(learner.optimizer), progress)


def list_best_step(progress: Progress) -> tuple[int, ...]:
    return (progress.best_step,) if progress.best_step else ()


class Checkpoints:
    """Folders named by step. `list_needed` says without which others a run that goes on from one cannot end."""

    def __init__(self, folder: Path, *, list_needed: Callable[[Progress], Iterable[int]] = list_best_step) -> None:
        self._folder = folder
        self._list_needed = list_needed

    def save(self, snapshot: Snapshot) -> None:
        target = self._path(snapshot.progress.step)
        with translate_disk_errors(target), replace_folder(target) as fresh:
            save_file(snapshot.trained, fresh / TRAINED)
            save_file(snapshot.optimizer, fresh / OPTIMIZER)
            write_atomic(fresh / PROGRESS, json.dumps(asdict(snapshot.progress)))
            digests = {path.name: digest_file(path) for path in sorted(fresh.iterdir())}
            write_atomic(fresh / MANIFEST, json.dumps({"format": FORMAT, "sha256": digests}, indent=2) + "\n")
        self._drop_old()

    def restore(self, learner: Learner) -> Restored:
        """Brings model, optimizer and token budget to the latest checkpoint that is sound, if there is one.

        A checkpoint is of no use without those before it that it needs, which the run ends with.
        """
        remarks: list[str] = []
        for folder in reversed(self._list()):
            if damage := self._find_damage(folder):
                remarks.append(f"checkpoint {folder.name} cannot be used: {damage}")
                continue
            progress = _read_progress(folder)
            set_trained_state(learner.model, load_file(folder / TRAINED))
            set_optimizer_state(learner.optimizer, load_file(folder / OPTIMIZER))
            learner.token_budget = progress.token_budget
            return Restored(progress, tuple(remarks))
        if remarks:
            remarks.append("no checkpoint is sound, so the run begins anew")
        return Restored(Progress(learner.token_budget), tuple(remarks))

    def drop_after(self, step: int) -> None:
        """What lies beyond the step from which a run goes on would pass for its latest."""
        for folder in self._list():
            if folder > self._path(step):
                shutil.rmtree(folder)

    def restore_weights(self, model: TrainedModel, step: int) -> Progress:
        """Those after this step, and how far the run was then. Raises StoreDamaged."""
        folder = self._path(step)
        if damage := _find_damage(folder):
            hint = "run the same command again: it goes on from a checkpoint that is sound, or begins anew"
            raise StoreDamaged(f"{folder}: {damage}", hint=hint)
        set_trained_state(model, load_file(folder / TRAINED))
        return _read_progress(folder)

    def _drop_old(self) -> None:
        latest = self._list()[-KEPT:]
        kept = {*latest, *(needed for folder in latest for needed in self._try_to_list_needed(folder))}
        for folder in self._list():
            if folder not in kept:
                shutil.rmtree(folder)

    def _find_damage(self, folder: Path) -> str:
        if damage := _find_damage(folder):
            return damage
        for needed in self._read_needed(folder):
            if damage := _find_damage(needed):
                return f"it needs {needed.name}, of which {damage}"
        return ""

    def _read_needed(self, folder: Path) -> list[Path]:
        needed = {self._path(step) for step in self._list_needed(_read_progress(folder))}
        return sorted(needed - {folder})

    def _try_to_list_needed(self, folder: Path) -> list[Path]:
        """None for a checkpoint that has been damaged since: the run goes on, and needs it no more."""
        try:
            return self._read_needed(folder)
        except (OSError, ValueError, LookupError, TypeError):
            return []

    def _list(self) -> list[Path]:
        return sorted(self._folder.glob("step-*"))

    def _path(self, step: int) -> Path:
        return self._folder / f"step-{step:08d}"


def _find_damage(folder: Path) -> str:
    """What is wrong with a checkpoint's files, or nothing."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            return f"it has format {manifest['format']}, and this version of Luthier reads {FORMAT}"
        digests = manifest["sha256"]
        missing = {TRAINED, OPTIMIZER, PROGRESS} - set(digests)
        altered = [name for name in sorted(digests) if digest_file(folder / name) != digests[name]]
    except FileNotFoundError as error:
        return f"{error.filename.rpartition('/')[2]} is missing"
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"{MANIFEST} cannot be read: {error}"
    if missing or altered:
        return f"{min(missing)} is missing" if missing else f"{altered[0]} does not match its checksum"
    return ""


def _read_progress(folder: Path) -> Progress:
    kept: dict[str, Any] = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
    return Progress(**{**kept, "record": restore_record(kept["record"])})
