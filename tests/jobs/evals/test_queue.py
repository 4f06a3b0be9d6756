from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import InvalidRequest, UnknownArtefact, WrongState
from luthier.jobs.evals.desk import RunDraft, cancel_run, create_run
from luthier.jobs.evals.hold import SourceRow
from luthier.jobs.evals.queue import claim_run, release_lost_runs
from luthier.jobs.liveness import BeatWatch, ProcessIdentity, identify_process
from luthier.store.eval_runs import get_run
from tests.support.evals import add_eval, claim, find

if TYPE_CHECKING:
    from luthier.store.database import Database
    from luthier.store.eval_runs import EvalRun

HERE = identify_process()
ELSEWHERE = ProcessIdentity("other", "another machine", 1, 1)
GONE = HERE._replace(start_ticks=HERE.start_ticks + 1)
"""A process of this machine whose number somebody else has now."""


def make(db: Database, eval_id: str, name: str = "", **more: object) -> EvalRun:
    return create_run(db, RunDraft(eval_id, {"type": "jsonl"}, name), **more)


class Stopwatch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_run_that_waited_for_longest_is_claimed_first_and_once(db: Database) -> None:
    eval = add_eval(db)
    ids = [make(db, eval.id, name).id for name in "ab"]
    assert [claim(db).run.id for _ in range(2)] == ids
    assert claim_run(db, HERE) is None
    assert get_run(db, eval.id, ids[0]).status == "in_progress"


def test_a_request_that_is_sent_again_makes_no_second_run(db: Database) -> None:
    eval = add_eval(db)
    first = make(db, eval.id)
    assert make(db, eval.id, retry_count=1).id == first.id
    assert make(db, eval.id).id != first.id
    assert make(db, eval.id, "other", retry_count=1).id != first.id


def test_a_run_needs_an_eval_and_metadata_that_can_be_kept(db: Database) -> None:
    with pytest.raises(UnknownArtefact):
        make(db, "eval_" + "0" * 24)
    with pytest.raises(InvalidRequest):
        create_run(db, RunDraft(add_eval(db).id, {}, metadata={"a": "\0"}))


def test_a_run_is_canceled_once(db: Database) -> None:
    eval = add_eval(db)
    run = make(db, eval.id)
    assert cancel_run(db, eval.id, run.id).status == "canceled"
    with pytest.raises(WrongState, match="canceled and cannot be canceled"):
        cancel_run(db, eval.id, run.id)
    assert claim_run(db, HERE) is None


def test_what_a_dead_process_held_goes_on_from_where_it_was(db: Database) -> None:
    eval = add_eval(db)
    make(db, eval.id)
    claimed = claim_run(db, GONE)
    assert claimed is not None
    claimed.hold.prepare([SourceRow({"answer": letter}) for letter in "ab"])
    first, second = claimed.hold.list_pending(after=-1, limit=9)
    claimed.hold.keep(first.id, find("pass"))
    assert release_lost_runs(db, BeatWatch(60), here=HERE) == [claimed.run.id]
    again = claim(db)
    assert (again.run.id, again.run.is_prepared, again.run.tally.passed) == (claimed.run.id, True, 1)
    assert [item.id for item in again.hold.list_pending(after=-1, limit=9)] == [second.id]


def test_a_process_elsewhere_keeps_its_run_for_as_long_as_it_beats(db: Database) -> None:
    make(db, add_eval(db).id)
    claimed = claim_run(db, ELSEWHERE)
    assert claimed is not None
    stopwatch = Stopwatch()
    watch = BeatWatch(60, stopwatch=stopwatch)
    for _ in range(8):
        claimed.hold.beat()
        assert release_lost_runs(db, watch, here=HERE) == []
        stopwatch.now += 15
    for _ in range(3):
        assert release_lost_runs(db, watch, here=HERE) == []
        stopwatch.now += 15
    assert release_lost_runs(db, watch, here=HERE) == [claimed.run.id]


def test_ones_own_runs_are_never_lost(db: Database) -> None:
    make(db, add_eval(db).id)
    claim(db)
    stopwatch = Stopwatch()
    watch = BeatWatch(60, stopwatch=stopwatch)
    for _ in range(9):
        assert release_lost_runs(db, watch, here=HERE) == []
        stopwatch.now += 15


def test_a_run_that_ends_every_process_fails_in_the_end(db: Database) -> None:
    eval = add_eval(db)
    run = make(db, eval.id)
    for _ in range(3):
        assert claim_run(db, GONE, attempts=3) is not None
        release_lost_runs(db, BeatWatch(60), here=HERE)
    assert claim_run(db, GONE, attempts=3) is None
    failed = get_run(db, eval.id, run.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert "interrupted 3 times" in failed.error.message


def test_being_stopped_is_no_fault_of_the_run(db: Database) -> None:
    make(db, add_eval(db).id)
    for _ in range(9):
        claim(db).hold.give_back()
