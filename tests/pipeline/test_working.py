"""Work begins when it is said to, and ends when it is asked to."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

from luthier.jobs.desk import count_live_workers
from luthier.pipeline.working import work

if TYPE_CHECKING:
    from luthier.store.home import Home


def test_a_worker_is_known_while_it_works(home: Home) -> None:
    class StopAfterOneRound(Event):
        def wait(self, timeout: float | None = None) -> bool:
            seen.append(count_live_workers(home.database, within_seconds=60))
            self.set()
            return True

    seen: list[int] = []
    work(home, stop=StopAfterOneRound(), on_start=lambda: seen.append(-1))
    assert seen == [-1, 1]
    assert count_live_workers(home.database, within_seconds=60) == 0
