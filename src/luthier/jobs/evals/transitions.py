"""A locked run of an eval passes into its last state, with the webhook that belongs to it: all of it, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete

from luthier.jobs.outbox import announce_event
from luthier.store.tables import EvalOutputItemRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from luthier.jobs.outbox import WebhookType
    from luthier.store.eval_runs import RunError, RunStatus
    from luthier.store.tables import EvalRunRow


def complete(session: Session, row: EvalRunRow, *, now: datetime) -> None:
    _end(session, row, "completed", "eval.run.succeeded", now=now)


def fail(session: Session, row: EvalRunRow, error: RunError, *, now: datetime) -> None:
    row.error = error._asdict()
    _end(session, row, "failed", "eval.run.failed", now=now)


def cancel(session: Session, row: EvalRunRow, *, now: datetime) -> None:
    _end(session, row, "canceled", "eval.run.canceled", now=now)


def _end(session: Session, row: EvalRunRow, status: RunStatus, event: WebhookType, *, now: datetime) -> None:
    """Items that nobody will ask any more are forgotten; what came of the others stays."""
    row.status, row.finished_at, row.holder = status, now, None
    mine = EvalOutputItemRow.run_id == row.id
    session.execute(delete(EvalOutputItemRow).where(mine, EvalOutputItemRow.status.is_(None)))
    announce_event(session, type=event, subject_id=row.id, now=now)
