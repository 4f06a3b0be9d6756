"""What somebody asks of a run from outside: to make one, and to cancel one."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from luthier.errors import WrongState
from luthier.jobs.evals.transitions import cancel
from luthier.store.database import hold_name
from luthier.store.eval_runs import PREFIX, UNFINISHED, EvalRun, find_run, read_run
from luthier.store.evals import find_eval
from luthier.store.ids import new_id
from luthier.store.metadata_match import check_metadata
from luthier.store.tables import EvalRunRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from luthier.store.database import Database

REPEAT_WINDOW = timedelta(minutes=30)
"""OpenAI's clients send a request again after at most ten minutes of silence, and by default twice."""

NOTHING_YET: dict[str, Any] = {"passed": 0, "failed": 0, "errored": 0, "criteria": [], "usage": {}}


class RunDraft(NamedTuple):
    """`data_source` is OpenAI's JSON as it was sent, `file_id` the file that it names; `created_by` the id of a key."""

    eval_id: str
    data_source: dict[str, Any]
    name: str = ""
    model: str | None = None
    file_id: str | None = None
    metadata: dict[str, str] | None = None
    created_by: str | None = None


def create_run(db: Database, draft: RunDraft, *, retry_count: int = 0) -> EvalRun:
    """Waits to be worked on from now on. Raises UnknownArtefact, and InvalidRequest for metadata that cannot be kept.

    A request that a client sends again because it heard no answer gives the first run once more, as with jobs.
    """
    check_metadata(draft.metadata, "metadata")
    fingerprint = _fingerprint(draft)
    with db.session() as session:
        hold_name(session, f"create eval run {fingerprint}")
        criteria = len(find_eval(session, draft.eval_id).testing_criteria)
        if retry_count > 0 and (earlier := _find_repeated(session, db, draft, fingerprint)) is not None:
            return read_run(earlier)
        row = _make_row(draft, fingerprint, db)
        row.tally = {**NOTHING_YET, "criteria": [[0, 0]] * criteria}
        session.add(row)
        return read_run(row)


def cancel_run(db: Database, eval_id: str, run_id: str) -> EvalRun:
    """It is canceled when this returns, and what is still asked for it changes nothing.

    Raises UnknownArtefact, and WrongState for a run that has ended.
    """
    with db.session() as session:
        row = find_run(session, eval_id, run_id, locks=True)
        if row.status not in UNFINISHED:
            raise WrongState(f"eval run {run_id} is {row.status} and cannot be canceled", hint="it has ended already")
        cancel(session, row, now=db.clock())
        return read_run(row)


def _fingerprint(draft: RunDraft) -> str:
    text = json.dumps(draft._replace(created_by=None), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _find_repeated(session: Session, db: Database, draft: RunDraft, fingerprint: str) -> EvalRunRow | None:
    same = select(EvalRunRow).where(
        EvalRunRow.request_fingerprint == fingerprint,
        EvalRunRow.created_by == draft.created_by,
        EvalRunRow.created_at >= db.clock() - REPEAT_WINDOW,
    )
    return session.scalar(same.order_by(EvalRunRow.id.desc()).limit(1))


def _make_row(draft: RunDraft, fingerprint: str, db: Database) -> EvalRunRow:
    now = db.clock()
    return EvalRunRow(
        id=new_id(PREFIX, now),
        eval_id=draft.eval_id,
        name=draft.name,
        status="queued",
        model=draft.model,
        file_id=draft.file_id,
        data_source=draft.data_source,
        metadata_=draft.metadata,
        created_by=draft.created_by,
        created_at=now,
        request_fingerprint=fingerprint,
        is_prepared=False,
        total=0,
        attempt=0,
        barren_attempts=0,
        beats=0,
    )
