"""A run that was stopped or killed goes on by its id alone, from what the home keeps about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress
from luthier.pipeline.tracking import execute_tracked
from luthier.settings import load_launch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.models.registry import TunedModel
    from luthier.store.home import Home


def resume(
    run: str, *, trackers: Sequence[str] = (), home: Home | None = None, progress: Progress = Progress()
) -> TunedModel:
    """`run` is an id, or the name of the model that the run was to make. One that is finished gives its model.

    Raises UnknownArtefact, or RunNotResumable when its rows or its base are not there any more as they were.
    """
    from luthier.training.keeping import find_finished
    from luthier.training.naming import name_order
    from luthier.training.processes.group import join_group, main_first
    from luthier.training.resumption import rebuild_order
    from luthier.training.trackers.registry import require_trackers

    require_trackers(trackers)
    home = home or open_home()
    with join_group(load_launch()) as group:
        progress = progress if group.is_main else Progress()
        with main_first(group):
            order = name_order(home, rebuild_order(home, run, announce=progress.announce))
            finished = find_finished(home, order)
        if finished is not None:
            progress.announce(f"{order.id} is finished: it made {finished.name}")
            return finished
        return execute_tracked(home, order, group=group, trackers=trackers, progress=progress)
