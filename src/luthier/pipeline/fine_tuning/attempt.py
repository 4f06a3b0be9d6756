"""One attempt at a job, from its files to its model: whatever ends it is said to the job, unless it is a death.

An attempt may be killed anywhere. The next one does again what it finds undone, says nothing twice, and ends with the
same weights: names and ids follow from the job, and training goes on from its last checkpoint.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from luthier.errors import DatabaseUnavailable, DiskFull, LeaseLost, LuthierError, RunInterrupted, RunNotResumable
from luthier.jobs.job import JobError
from luthier.pipeline.fine_tuning.failures import explain_failure
from luthier.pipeline.fine_tuning.files import read_files
from luthier.pipeline.fine_tuning.narration import Narrator
from luthier.pipeline.fine_tuning.order import order_job, plan_job
from luthier.pipeline.fine_tuning.results import clear_ended, finish_job
from luthier.pipeline.fine_tuning.tracking import track_job
from luthier.training.interrupt import catch_interrupts
from luthier.training.keeping import find_run_models
from luthier.training.run import execute_run
from luthier.training.trackers.following import follow_run

if TYPE_CHECKING:
    from luthier.jobs.hold import Hold
    from luthier.jobs.job import Job
    from luthier.pipeline.fine_tuning.order import JobPlan
    from luthier.store.home import Home
    from luthier.training.events import Event
    from luthier.training.keeping import RunModels

DATABASE_PATIENCE_SECONDS = 600.0
"""A database that is restarted or moved is back sooner; training goes on meanwhile up to the next word to the job."""

SECONDS_BETWEEN_LOOKS = 0.5

log = logging.getLogger(__name__)


def work_on_job(home: Home, hold: Hold) -> None:
    """Returns when the job knows how the attempt ended, or belongs to somebody else.

    Raises DatabaseUnavailable, and whatever is a fault of Luthier's: the job is then tried again.
    """
    try:
        _try_job(home, hold)
    except LeaseLost as error:
        log.info("%s", error.message)
    except RunInterrupted as error:
        log.info("%s", error.message)
        _let_go(hold)
    except DatabaseUnavailable:
        raise
    except DiskFull as error:
        log.error("%s: %s", error.code, error.message)
        _stand_still(hold, "the server's disk is full")
    except LuthierError as error:
        log.error("%s: %s", error.code, error.message)
        _say_failure(hold, explain_failure(error))
    clear_ended(home)


def _try_job(home: Home, hold: Hold) -> None:
    job = hold.load_job()
    data = read_files(home, job)
    if isinstance(data, JobError):
        hold.fail(data)
        return
    order = order_job(home, job, data)
    plan = plan_job(order, data)
    if isinstance(plan, JobError):
        hold.fail(plan)
        return
    if job.status == "validating_files" and not hold.move_to_queue():
        return
    for number, warning in enumerate((*data.warnings, *plan.warnings)):
        hold.add_event("warn", warning, id_from=f"warning-{number}")
    hold.start_running(hyperparameters=order.hyperparameters, run_id=order.run.id)
    models = _train(home, hold, job, plan)
    with catch_interrupts():  # what is left takes less time than a worker waits for
        finish_job(home, hold, job, plan, models)
        clear_ended(home)


def _train(home: Home, hold: Hold, job: Job, plan: JobPlan) -> RunModels:
    """What an earlier attempt has made stands. Raises what training raises, and LeaseLost."""
    order = plan.order.run
    while (models := find_run_models(home, order)) is None:
        narrator = Narrator(hold, plan.plan, order.config, clock=home.database.clock)
        tracking = track_job(home, job, order.config, narrator.announce)
        with follow_run(tracking.run, tracking.trackers, narrator.announce) as track:

            def observe(event: Event, narrator: Narrator = narrator) -> None:
                narrator.observe(event)
                track(event)

            try:
                execute_run(home, order, plan=plan.plan, observe=observe, announce=narrator.announce)
            except RunNotResumable:
                # The process of an attempt that has lost the job holds the run still: it ends when it next has
                # something to say.
                hold.read_wanted()
                time.sleep(SECONDS_BETWEEN_LOOKS)
    return models


def _let_go(hold: Hold) -> None:
    """Why a stop was asked for decides what becomes of the job."""
    try:
        match hold.read_wanted():
            case "cancel":
                hold.end_cancelled()
            case "pause":
                hold.end_paused()
            case None:
                hold.give_back()
    except LeaseLost as error:
        log.info("%s", error.message)


def _stand_still(hold: Hold, reason: str) -> None:
    try:
        hold.stand_still(reason)
    except LeaseLost as lost:
        log.info("%s", lost.message)


def _say_failure(hold: Hold, error: JobError) -> None:
    try:
        hold.fail(error)
    except LeaseLost as lost:
        log.info("%s", lost.message)
