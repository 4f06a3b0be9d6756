"""What would grow for ever in a server's home becomes less again: details of what ended long ago, as the settings say.

Jobs, models, files, evals and their results stay until somebody deletes them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, select

from luthier.store.tables import CompletionRow, EvalOutputItemRow, EvalRunRow, FileRow, JobEventRow, JobRow

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Select
    from sqlalchemy.orm import InstrumentedAttribute

    from luthier.store.database import Database
    from luthier.store.home import Home

ROWS_AT_ONCE = 2_000
"""In one transaction, so that nobody who wants to write waits long."""


class Forgotten(NamedTuple):
    """How many there were."""

    step_events: int
    job_logs: int
    eval_items: int
    completions: int


def forget_old(home: Home) -> Forgotten:
    """Any process may do this at any time; done a second time it finds nothing."""
    settings, db = home.settings, home.database
    return Forgotten(
        _forget_steps(db, settings.job_details_days),
        _forget_logs(db, home.path / "logs" / "jobs", settings.job_details_days),
        _forget_items(db, settings.eval_items_days),
        _forget_completions(db, settings.completions_days),
    )


def _forget_steps(db: Database, days: int) -> int:
    """Where the numbers of all steps stand in the job's result file too, and that is still there."""
    over = select(JobEventRow.number).join(JobRow, JobRow.id == JobEventRow.job_id)
    over = over.join(FileRow, FileRow.id == JobRow.result_file).where(JobEventRow.type == "metrics")
    return _delete(db, JobEventRow.number, over, ended=JobRow.finished_at, days=days)


def _forget_logs(db: Database, folder: Path, days: int) -> int:
    if not days or not folder.is_dir():
        return 0
    logs = {path.stem: path for path in folder.glob("*.log")}
    with db.reading() as session:
        jobs = session.scalars(select(JobRow.id).where(JobRow.finished_at < db.clock() - timedelta(days=days)))
        over = [logs[job_id] for job_id in jobs if job_id in logs]
    for path in over:
        path.unlink(missing_ok=True)
    return len(over)


def _forget_items(db: Database, days: int) -> int:
    over = select(EvalOutputItemRow.id).join(EvalRunRow, EvalRunRow.id == EvalOutputItemRow.run_id)
    return _delete(db, EvalOutputItemRow.id, over, ended=EvalRunRow.finished_at, days=days)


def _forget_completions(db: Database, days: int) -> int:
    return _delete(db, CompletionRow.id, select(CompletionRow.id), ended=CompletionRow.created_at, days=days)


def _delete(
    db: Database, key: InstrumentedAttribute[Any], over: Select[Any], *, ended: InstrumentedAttribute[Any], days: int
) -> int:
    """How many rows there were whose `key` is among `over`, and that ended before so many days; 0 days are no limit."""
    count, found = 0, ROWS_AT_ONCE if days else 0
    while found == ROWS_AT_ONCE:
        with db.session() as session:
            keys = list(session.scalars(over.where(ended < db.clock() - timedelta(days=days)).limit(ROWS_AT_ONCE)))
            session.execute(delete(key.class_).where(key.in_(keys)))
        found = len(keys)
        count += found
    return count
