"""A run's place in the home while it is at work: locked against a second process, and recorded with how it ended."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from luthier.data.catalog import keep_splits
from luthier.errors import LuthierError, RunInterrupted, RunNotResumable
from luthier.store import catalog as kept
from luthier.store.files import clear_unfinished
from luthier.store.locks import hold_lock
from luthier.training.resumption import write_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.store.home import Home
    from luthier.training.plan import Plan
    from luthier.training.run import RunOrder


@contextmanager
def lock_run(home: Home, run: str) -> Iterator[None]:
    """Raises RunNotResumable when another process is at this run. Even kill -9 frees the lock, and what it left
    half-written in the run's folder is cleared away.
    """
    path = home.lock_of(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = hold_lock(path, waits=False)
    except BlockingIOError as error:
        hint = "wait for it, or stop it with Ctrl-C"
        raise RunNotResumable(f"{run} is being trained by another process", hint=hint) from error
    try:
        clear_unfinished(path.parent)
        yield
    finally:
        os.close(handle)


@contextmanager
def record_run(home: Home, order: RunOrder, plan: Plan) -> Iterator[str]:
    """Yields the run's fingerprint. Its row says running, then how it ended; after a kill, running stays.

    The order lies beside it from the start, so that the run's id alone is enough to go on with it.
    """
    splits = keep_splits(home, order.splits)
    write_order(order, splits, home.runs / order.id)
    fingerprint = kept.keep_artefact(
        home.database,
        kind="run",
        name=order.id,
        manifest={"run": order.id, **order.describe(), "rows": plan.ledger.summarise()},
        parents=[splits],
    )
    kept.start_run(
        home.database,
        id=order.id,
        name=order.name,
        base=order.base.name,
        config=order.config.model_dump(mode="json"),
        dataset_fingerprint=order.splits.train.fingerprint,
    )
    try:
        yield fingerprint
    except RunInterrupted as error:
        kept.end_run(home.database, order.id, status="interrupted", error=error.message)
        hint = f"`luthier tune --resume {order.id}` goes on from there, and so does the same command"
        raise RunInterrupted(error.message, hint=hint) from error
    except LuthierError as error:
        kept.end_run(home.database, order.id, status="failed", error=error.message)
        raise
    kept.end_run(home.database, order.id, status="succeeded", model_name=order.name)
