"""Weights that a run ends with are saved and proven, each in a folder of its own, before any of them gets a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.models.tuning import digest_trained, save_trained
from luthier.store.files import replace_folder
from luthier.training.proof import prove_learning

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.training.checkpoint import Progress
    from luthier.training.plan import Plan
    from luthier.training.processes.group import Group
    from luthier.training.proof import Proof, Start
    from luthier.training.run import Trainable


class Staged(NamedTuple):
    """The weights after `step`, in `folder`, and how far the run was when it kept them."""

    step: int
    progress: Progress
    weights_hash: str
    proof: Proof
    folder: Path


def stage_weights(
    prepared: Trainable, plan: Plan, start: Start, *, step: int, progress: Progress, folder: Path, group: Group
) -> Staged:
    """Those that the model has now."""
    base, model = prepared.base, prepared.model
    if group.is_main:
        with replace_folder(folder) as fresh:
            save_trained(model, fresh, base=base)
    group.wait()
    proof = prove_learning(model, plan, start, template=base.template, folder=folder)
    group.wait()  # until all have read what the main process will move away
    return Staged(step, progress, digest_trained(model), proof, folder)
