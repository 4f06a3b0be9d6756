"""A run on Weights & Biases, or as its files in the home folder where nobody is logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import wandb

from luthier.training.trackers.tracker import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from luthier.training.trackers.tracker import Status, TrackedRun


class WandbTracker:
    """The library's own settings and environment, such as WANDB_PROJECT and WANDB_MODE, hold where nothing is given.

    Without a key it writes offline, and `wandb sync` sends that later. WANDB_BASE_URL may name any compatible host.
    """

    errors: tuple[type[Exception], ...] = (wandb.Error, OSError)

    def __init__(self, *, project: str = "", entity: str = "", tags: Sequence[str] = ()) -> None:
        self._project = project
        self._entity = entity
        self._tags = tuple(tags)

    def begin(self, run: TrackedRun, step: int) -> None:
        chosen = wandb.setup().settings
        is_offline = chosen.mode == "online" and not wandb.login(prompt=False)
        run.folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=self._project or chosen.project or PROJECT,
            entity=self._entity or chosen.entity,
            tags=self._tags or chosen.run_tags,
            mode="offline" if is_offline else chosen.mode,
            dir=str(run.folder),
            id=run.id,
            name=run.name,
            config=dict(run.settings),
            resume="allow",
            settings=wandb.Settings(silent=True, console="off"),  # stdout is for results
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def end(self, status: Status) -> None:
        self._run.summary["status"] = status
        self._run.finish(exit_code=0 if status == "succeeded" else 1)
