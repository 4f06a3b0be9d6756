"""Settings become the one folder in which everything is kept, each part of it made when first asked for."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from luthier.errors import MachineError
from luthier.store.files import NOT_WRITABLE_HINT, translate_disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from luthier.settings import Settings
    from luthier.store.blobs import BlobStore
    from luthier.store.database import Database


class Home:
    """Each folder that is handed out exists and can be written to; raises MachineError otherwise."""

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime] | None = None) -> None:
        self.settings = settings
        self._clock = clock

    @property
    def path(self) -> Path:
        return _ready(self.settings.home_path)

    @property
    def bases(self) -> Path:
        """Downloaded base models, one folder each."""
        return _ready(self.settings.home_path / "bases")

    @property
    def embedders(self) -> Path:
        """Downloaded models that turn texts into vectors, one folder each."""
        return _ready(self.settings.home_path / "embedders")

    @property
    def models(self) -> Path:
        """Adapters of registered models, one folder each."""
        return _ready(self.settings.home_path / "models")

    @property
    def runs(self) -> Path:
        """Checkpoints and events of training runs, one folder each."""
        return _ready(self.settings.home_path / "runs")

    @property
    def data(self) -> Path:
        """Rows of kept datasets, written out for what reads files."""
        return _ready(self.settings.home_path / "data")

    @property
    def keys(self) -> Path:
        """Secrets of this installation, for the user alone who runs it."""
        return _ready(self.settings.home_path / "keys", mode=0o700)

    # The imports below wait for their first use, so that a command without a database starts quickly.

    def lock_of(self, run_id: str) -> Path:
        """Held by the process that trains this run, for as long as it lives."""
        return self.runs / run_id / "lock"

    @cached_property
    def database(self) -> Database:
        from luthier.store.database import open_database, utc_now

        _ready(self.settings.home_path)
        return open_database(self.settings, clock=self._clock or utc_now)

    @cached_property
    def blobs(self) -> BlobStore:
        from luthier.store.blobs import BlobStore

        return BlobStore(self.settings.resolved_storage_url)


def _ready(folder: Path, *, mode: int = 0o777) -> Path:
    try:
        with translate_disk_errors(folder):
            folder.mkdir(mode, parents=True, exist_ok=True)
    except OSError as error:
        is_in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a file is in the way" if is_in_the_way else str(error.strerror).lower()
        hint = "set LUTHIER_HOME to a folder, or to where one can be made"
        raise MachineError(f"{folder}: cannot be made a folder: {reason}", hint=hint) from error
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise MachineError(f"{folder}: cannot write here", hint=NOT_WRITABLE_HINT)
    return folder
