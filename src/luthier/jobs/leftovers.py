"""Runs in the home folder become those among them that no job will ever go on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from luthier.store.tables import JobRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from luthier.store.database import Database


def list_ended_runs(db: Database, run_ids: Collection[str]) -> list[str]:
    """Those of these runs whose jobs have ended; a run that is no job's is not among them."""
    with db.reading() as session:
        ended = select(JobRow.run_id).where(JobRow.finished_at.is_not(None), JobRow.run_id.in_(run_ids))
        return [run_id for run_id in session.scalars(ended) if run_id is not None]
