"""A run as TensorBoard's event files, in a folder of its own within `tensorboard` of the home folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from torch.utils.tensorboard import SummaryWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.training.trackers.tracker import Status, TrackedRun


class TensorBoardTracker:
    errors: tuple[type[Exception], ...] = (OSError,)

    def begin(self, run: TrackedRun, step: int) -> None:
        folder = run.folder / "tensorboard" / f"{run.name}-{run.id}"
        self._writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)
        settings = json.dumps(dict(run.settings), indent=2)
        self._writer.add_text("settings", f"```json\n{settings}\n```")
        self._step = step

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._step = step

    def end(self, status: Status) -> None:
        self._writer.add_text("status", status, self._step)
        self._writer.close()
