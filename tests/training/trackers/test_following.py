"""Trackers hear what happens in a run, and none of them can end it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.errors import RunInterrupted, TrainingDiverged
from luthier.training.events import Notice, RunStarted, StepDone, Validated
from luthier.training.trackers.following import follow_run
from luthier.training.trackers.tracker import TrackedRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.training.trackers.tracker import Status

RUN = TrackedRun("run-1", "colours", {"epochs": 2}, Path("home"))
STEP = StepDone(
    step=4,
    total_steps=9,
    epoch=0.5,
    loss=1.5,
    right_fraction=0.7,
    learning_rate=0.1,
    grad_norm=2.0,
    tokens=30,
    seconds=0.5,
)


class LibraryError(Exception):
    """Such as one of a server that cannot be reached."""


@dataclass
class Notebook:
    """A tracker without a library; `failing` is the word at which it fails."""

    failing: str = ""
    fault: type[Exception] = LibraryError
    heard: list[tuple[object, ...]] = field(default_factory=list)
    errors: tuple[type[Exception], ...] = (LibraryError,)

    def begin(self, run: TrackedRun, step: int) -> None:
        self._hear("begin", run, step)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._hear("log", step, values)

    def end(self, status: Status) -> None:
        self._hear("end", status)

    def _hear(self, *what: object) -> None:
        self.heard.append(what)
        if what[0] == self.failing:
            raise self.fault("server gone")


def ignore(message: str) -> None:
    pass


def test_a_tracker_hears_settings_steps_validations_and_the_end() -> None:
    notebook = Notebook()
    with follow_run(RUN, {"notebook": notebook}, ignore) as observe:
        observe(RunStarted(3, 9))
        observe(STEP)
        observe(Notice(4, "fewer tokens at once"))
        observe(Validated(4, 1.25, True, {"exact_answer_fraction": 0.5}))
    assert notebook.heard == [
        ("begin", RUN, 3),
        (
            "log",
            4,
            {
                "train/loss": 1.5,
                "train/accuracy": 0.7,
                "train/learning_rate": 0.1,
                "train/grad_norm": 2.0,
                "train/epoch": 0.5,
                "train/tokens_per_second": 60.0,
            },
        ),
        ("log", 4, {"validation/loss": 1.25, "validation/exact_answer_fraction": 0.5}),
        ("end", "succeeded"),
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RunInterrupted("stopped"), "interrupted"),
        (KeyboardInterrupt(), "interrupted"),
        (TrainingDiverged("lost"), "failed"),
        (ValueError("a mistake of ours"), "failed"),
    ],
)
def test_how_a_run_ends_is_told_and_stays_an_error(error: BaseException, status: str) -> None:
    notebook = Notebook()

    def run() -> None:
        with follow_run(RUN, {"notebook": notebook}, ignore) as observe:
            observe(RunStarted(0, 9))
            raise error

    with pytest.raises(type(error)):
        run()
    assert notebook.heard[-1] == ("end", status)


@pytest.mark.parametrize("place", ["begin", "log", "end"])
def test_a_tracker_that_fails_is_announced_once_and_left_behind(place: str) -> None:
    said: list[str] = []
    broken, sound = Notebook(failing=place), Notebook()
    with follow_run(RUN, {"broken": broken, "sound": sound}, said.append) as observe:
        observe(RunStarted(0, 9))
        observe(STEP)
        observe(STEP)
    assert said == ["warning: broken is told nothing more of this run: server gone"]
    assert [what[0] for what in sound.heard] == ["begin", "log", "log", "end"]
    assert [what[0] for what in broken.heard].count(place) == 1
    assert broken.heard[-1][0] == place


def test_an_error_that_the_library_does_not_declare_is_ours_and_is_raised() -> None:
    broken = Notebook(failing="log", fault=ValueError)

    def run() -> None:
        with follow_run(RUN, {"broken": broken}, ignore) as observe:
            observe(RunStarted(0, 9))
            observe(STEP)

    with pytest.raises(ValueError, match="server gone"):
        run()
    assert broken.heard[-1] == ("end", "failed")


def test_a_run_that_never_starts_is_not_ended_either() -> None:
    notebook = Notebook()
    with pytest.raises(TrainingDiverged), follow_run(RUN, {"notebook": notebook}, ignore):
        raise TrainingDiverged("lost")
    assert notebook.heard == []
