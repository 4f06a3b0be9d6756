"""Jobs whose worker is gone or silent wait again, because somebody looks: in a thread that nothing else holds up.

A process that is frozen in the middle of a transaction holds up whoever wants to write; this thread reads until it
has ended such a process, and so looks on while its own worker waits.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from luthier.errors import MachineError
from luthier.jobs.queue import release_lost

if TYPE_CHECKING:
    from luthier.jobs.liveness import BeatWatch, ProcessIdentity
    from luthier.store.database import Database

log = logging.getLogger(__name__)


class Watchman:
    """Looks every `pause_seconds` from `start` to `stop`. A database that is away or full is looked at again."""

    def __init__(self, db: Database, watch: BeatWatch, *, here: ProcessIdentity, pause_seconds: float) -> None:
        self._db = db
        self._watch = watch
        self._here = here
        self._pause_seconds = pause_seconds
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watchman", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait: what it may still be doing is true whoever does it."""
        self._is_over.set()

    def _look_on(self) -> None:
        while not self._is_over.wait(self._pause_seconds):
            try:
                taken = release_lost(self._db, self._watch, here=self._here)
            except MachineError as error:  # no database, or no room in it: for the moment, and nobody else looks
                log.debug("cannot look after other workers: %s", error.message)
                continue
            for job_id in taken:
                log.warning("job %s was taken from a worker that is gone", job_id)
