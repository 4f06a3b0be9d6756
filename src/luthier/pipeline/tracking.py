"""An order is carried out, and what happens on the way is told to those who want to follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luthier.models.registry import TunedModel
    from luthier.pipeline.progress import Progress
    from luthier.store.home import Home
    from luthier.training.events import Event
    from luthier.training.processes.group import Group
    from luthier.training.run import RunOrder


def execute_tracked(
    home: Home, order: RunOrder, *, group: Group, trackers: Iterable[str], progress: Progress
) -> TunedModel:
    """`trackers` are names that `require_trackers` accepts; of several processes the main one alone has any."""
    from luthier.training.run import execute_run
    from luthier.training.trackers.following import follow_run
    from luthier.training.trackers.registry import build_trackers
    from luthier.training.trackers.tracker import TrackedRun

    run = TrackedRun(order.id, order.name, order.config.model_dump(mode="json"), home.path)
    with follow_run(run, build_trackers(trackers if group.is_main else ()), progress.announce) as track:

        def observe(event: Event) -> None:
            progress.observe(event)
            track(event)

        return execute_run(home, order, observe=observe, announce=progress.announce, group=group)
