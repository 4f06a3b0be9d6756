"""What ended long ago loses its details, and nothing that stands nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from luthier.jobs import retention
from luthier.jobs.desk import get_job
from luthier.jobs.job import JobError
from luthier.jobs.retention import Forgotten, forget_old
from luthier.settings import Settings
from luthier.store.completions import CompletionQuery, KeptCompletion, keep_completion, list_completions
from luthier.store.eval_runs import ItemQuery, get_run, list_items
from luthier.store.home import Home
from luthier.store.ids import new_id
from luthier.store.user_files.shelf import delete_file, keep_file
from tests.support.evals import add_eval, finish_run
from tests.support.jobs import start_job, tell_story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.jobs.hold import Hold

STEPS = 3
NOTHING = Forgotten(0, 0, 0, 0)


class Calendar:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def home(settings: Settings, calendar: Calendar) -> Iterator[Home]:
    """On SQLite and on PostgreSQL."""
    home = Home(settings, clock=calendar)
    yield home
    home.database.close()


def train(home: Home) -> Hold:
    hold = start_job(home.database).hold
    for step in range(1, STEPS + 1):
        hold.add_event("info", f"Step {step}", type="metrics", data={"step": step}, id_from=f"step-{step}")
    log = home.path / "logs" / "jobs" / f"{hold.job_id}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("a word")
    return hold


def succeed(home: Home, hold: Hold) -> str:
    """The id of the result file."""
    result = keep_file(home, b"step\n", filename="results.csv", purpose="fine-tune-results").id
    hold.succeed(fine_tuned_model="ft:tiny", trained_tokens=1, result_file=result)
    return result


def change(home: Home, **settings: Any) -> Home:
    home.settings = home.settings.model_copy(update=settings)
    return home


def test_steps_and_logs_of_an_old_job_go_and_the_job_with_its_story_stays(
    home: Home, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 2)
    hold = train(home)
    succeed(home, hold)
    calendar.now += timedelta(days=89)
    assert forget_old(home) == NOTHING
    told = tell_story(home.database, hold.job_id)
    assert len([line for line in told if line.startswith("Step")]) == STEPS
    calendar.now += timedelta(days=2)
    young = train(home)
    assert forget_old(home) == Forgotten(STEPS, 1, 0, 0)
    assert tell_story(home.database, hold.job_id) == [line for line in told if not line.startswith("Step")]
    assert get_job(home.database, hold.job_id).status == "succeeded"
    assert [path.stem for path in (home.path / "logs" / "jobs").iterdir()] == [young.job_id]
    assert forget_old(home) == NOTHING


def test_steps_whose_numbers_stand_nowhere_else_stay(home: Home, calendar: Calendar) -> None:
    failed = train(home)
    failed.fail(JobError("training_diverged", "the loss is no number", None))
    without = train(home)
    result = succeed(home, without)
    delete_file(home, result)
    calendar.now += timedelta(days=400)
    assert forget_old(home) == Forgotten(0, 2, 0, 0)
    for hold in (failed, without):
        assert "Step 3" in tell_story(home.database, hold.job_id)


def test_items_and_stored_completions_go_only_where_somebody_asked_for_it(home: Home, calendar: Calendar) -> None:
    db = home.database
    eval_id = add_eval(db).id
    run, _ = finish_run(db, eval_id)
    keep_completion(db, KeptCompletion(new_id("chatcmpl-", db.clock()), db.clock(), "tiny", None, {}, {}))
    calendar.now += timedelta(days=400)
    assert forget_old(home) == NOTHING
    assert forget_old(change(home, eval_items_days=401, completions_days=401)) == NOTHING
    assert forget_old(change(home, eval_items_days=399, completions_days=399)) == Forgotten(0, 0, 1, 1)
    assert get_run(db, eval_id, run.id) == run
    assert list_items(db, eval_id, run.id, ItemQuery()).items == []
    assert list_completions(db, CompletionQuery()).items == []


def test_nothing_goes_where_nothing_is_to_go(home: Home, calendar: Calendar) -> None:
    succeed(home, train(home))
    calendar.now += timedelta(days=4000)
    assert forget_old(change(home, job_details_days=0)) == NOTHING
