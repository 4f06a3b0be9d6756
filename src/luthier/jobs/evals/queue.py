"""Runs that wait become held by a process, and runs whose process is gone wait again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import defer

from luthier.jobs.evals import transitions
from luthier.jobs.evals.hold import RunHold
from luthier.jobs.liveness import BeatWatch, ProcessIdentity, is_gone
from luthier.store.eval_runs import EvalRun, RunError, read_run
from luthier.store.evals import Eval, find_eval, read_eval
from luthier.store.tables import EvalRunRow

if TYPE_CHECKING:
    from sqlalchemy import Select

    from luthier.store.database import Database


class RunClaim(NamedTuple):
    run: EvalRun
    eval: Eval
    hold: RunHold


def claim_run(db: Database, here: ProcessIdentity, *, attempts: int = 5) -> RunClaim | None:
    """The run that has waited for longest, which this process works on from now on; None when there is none.

    A run that was claimed `attempts` times in a row without one more item done fails here instead: whatever it does to
    the processes that work on it, it does again.
    """
    waiting = _waiting()
    with db.reading() as session:
        if session.scalar(waiting.with_only_columns(EvalRunRow.id)) is None:
            return None  # as nearly always, and then nobody else has to wait
    with db.session() as session:
        locking = waiting.with_for_update(skip_locked=True).execution_options(populate_existing=True)
        while (row := session.scalar(locking)) is not None:
            if row.barren_attempts >= attempts:
                transitions.fail(session, row, _explain_failure(row), now=db.clock())
                session.flush()
                continue
            row.status, row.holder = "in_progress", here._asdict()
            row.attempt += 1
            row.barren_attempts += 1
            return RunClaim(read_run(row), read_eval(find_eval(session, row.eval_id)), RunHold(db, row.id, row.attempt))
    return None


def release_lost_runs(db: Database, watch: BeatWatch, *, here: ProcessIdentity) -> list[str]:
    """Takes runs away from processes that are gone or silent, and says which: they wait again."""
    with db.reading() as session:
        held = [_read_held(row) for row in session.scalars(_held())]
    silent = watch.find_silent({each.run_id: each.mark for each in held})
    taken = []
    for each in held:
        if each.process == here or not (is_gone(each.process, here=here) or each.run_id in silent):
            continue
        with db.session() as session:
            row = session.scalar(_held().where(EvalRunRow.id == each.run_id).with_for_update())
            if row is not None and _read_held(row) == each:
                row.holder = None
                taken.append(each.run_id)
    return taken


class _Held(NamedTuple):
    """What somebody saw of a run that is held; it is taken away only if that is still so. `mark`: attempt, beats."""

    run_id: str
    mark: tuple[int, int]
    process: ProcessIdentity


def _read_held(row: EvalRunRow) -> _Held:
    return _Held(row.id, (row.attempt, row.beats), ProcessIdentity(**(row.holder or {})))


def _waiting() -> Select[Any]:
    is_left = and_(EvalRunRow.status == "in_progress", EvalRunRow.holder.is_(None))
    return select(EvalRunRow).where(or_(EvalRunRow.status == "queued", is_left)).order_by(EvalRunRow.id).limit(1)


def _held() -> Select[EvalRunRow]:
    query = select(EvalRunRow).where(EvalRunRow.status == "in_progress", EvalRunRow.holder.is_not(None))
    return query.options(defer(EvalRunRow.data_source))


def _explain_failure(row: EvalRunRow) -> RunError:
    message = (
        f"The run was interrupted {row.barren_attempts} times in a row without one more item done. The server's log "
        "says why."
    )
    return RunError("server_error", message)
