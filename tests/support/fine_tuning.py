"""Fine-tuning jobs on tiny models: uploaded rows, claimed attempts, and holds that stop where a test wants them to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luthier.jobs.desk import create_job
from luthier.jobs.hold import Hold
from luthier.jobs.job import JobDraft
from luthier.store.user_files.shelf import keep_file
from tests.support.chats import make_dataset
from tests.support.jobs import claim
from tests.support.preferences import make_preferences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.jobs.job import Job
    from luthier.models.catalog import Base
    from luthier.store.home import Home

TWO_EPOCHS = {"n_epochs": 2, "batch_size": 5, "learning_rate_multiplier": "auto"}


class Killed(BaseException):
    """What no code of ours catches, as nothing outlives a kill."""


class WatchedHold(Hold):
    """`look` is told of each call that this attempt makes, by its number from 1 and its name, before it is made."""

    def __init__(self, home: Home, job: Job, look: Callable[[int, str], None]) -> None:
        super().__init__(home.database, job.id, job.attempt)
        self._calls = 0
        self._look = look

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found):
            return found
        self._calls += 1
        self._look(self._calls, name)
        return found


def write_rows(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def write_chats(count: int, *, start: int = 0) -> bytes:
    return write_rows([example.to_row() for example in make_dataset(start + count).examples[start:]])


def write_preferences(count: int) -> bytes:
    return write_rows([example.to_row() for example in make_preferences(count).examples])


def upload(home: Home, content: bytes, filename: str = "rows.jsonl") -> str:
    return keep_file(home, content, filename=filename, purpose="fine-tune").id


def order_tuning(home: Home, base: Base | str, training: bytes, validation: bytes | None = None, **changes: Any) -> Job:
    """A job that waits, and which one of `claim_job` can work on."""
    return create_job(
        home.database,
        JobDraft(
            **{
                "request": {},
                "model": "tiny",
                "base_model": base if isinstance(base, str) else base.name,
                "training_file": upload(home, training),
                "validation_file": None if validation is None else upload(home, validation, "held-out.jsonl"),
                "method": "supervised",
                "hyperparameters": TWO_EPOCHS,
                "suffix": "colours",
                "seed": 7,
                **changes,
            }
        ),
    )


def claim_hold(home: Home, look: Callable[[int, str], None] = lambda number, name: None) -> WatchedHold:
    return WatchedHold(home, claim(home.database).job, look)
