"""Jobs of this machine are followed as those of a server are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.pipeline.jobs import EVENTS_AT_ONCE, LocalJobs, follow_job
from luthier.settings import Settings
from luthier.store.home import Home
from tests.support.jobs import start_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(Settings(home=tmp_path / "home"))
    yield home
    home.database.close()


def test_events_come_from_as_many_pages_as_there_are(home: Home) -> None:
    hold = start_job(home.database).hold
    for step in range(2 * EVENTS_AT_ONCE):
        hold.add_event("info", f"Step {step}")
    told = [event.message for event in LocalJobs(home).list_events(hold.job_id)]
    assert told[: 2 * EVENTS_AT_ONCE] == [f"Step {step}" for step in reversed(range(2 * EVENTS_AT_ONCE))]
    assert told[-1] == f"Created fine-tuning job: {hold.job_id}"


def test_whoever_follows_a_job_hears_each_event_once(home: Home) -> None:
    hold = start_job(home.database).hold
    told: list[str] = []

    def go_on(_seconds: float) -> None:
        if len(told) > EVENTS_AT_ONCE:
            hold.succeed(fine_tuned_model="ft:tiny", trained_tokens=1, result_file=None)
            return
        for step in range(EVENTS_AT_ONCE):
            hold.add_event("info", f"Step {step}")

    ended = follow_job(LocalJobs(home), hold.job_id, tell=lambda event: told.append(event.message), sleep=go_on)
    assert ended.status == "succeeded"
    assert [message for message in told if message.startswith("Step")] == [f"Step {n}" for n in range(EVENTS_AT_ONCE)]
    assert told[-1] == "The job has successfully completed"
    assert len(told) == len(set(told))
