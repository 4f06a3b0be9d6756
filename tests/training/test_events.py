"""The log of a run, as it is written, cut short and rewound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import StoreDamaged
from luthier.training.events import EventLog, Notice, RunEnded, RunStarted, StepDone, Validated

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "metrics.jsonl")
    assert log.read() == []
    log.append(RunStarted(0, 9))
    log.append(Validated(3, 0.5, True, {"right_token_fraction": 0.75}))
    assert log.read() == [
        {"event": "started", "step": 0, "total_steps": 9},
        {"event": "validation", "step": 3, "loss": 0.5, "is_best": True, "metrics": {"right_token_fraction": 0.75}},
    ]


def test_a_rewound_log_forgets_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "metrics.jsonl")
    for step in (1, 2, 3):
        log.append(Validated(step, 0.5, False))
    log.rewind(2)
    assert [row["step"] for row in log.read()] == [1, 2]


def test_a_rewound_log_says_nothing_twice(tmp_path: Path) -> None:
    """What follows a checkpoint's own step and its validation will be said anew when the run goes on."""
    log = EventLog(tmp_path / "metrics.jsonl")
    step = StepDone(1, 1, 1.0, loss=0.5, right_fraction=0.5, learning_rate=1e-3, grad_norm=1.0, tokens=8, seconds=1.0)
    kept = [RunStarted(0, 1), Notice(1, "out of memory"), step, Validated(1, 0.5, True)]
    for event in (*kept, Notice(1, "stopped early"), RunEnded(1, 1, 0.5), RunStarted(1, 1)):
        log.append(event)
    log.rewind(1)
    assert [row["event"] for row in log.read()] == [event.kind for event in kept]
    log.rewind(0)
    assert log.read() == []


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log = EventLog(path)
    log.append(Validated(3, 0.5, True))
    with path.open("a") as file:
        file.write('{"event": "st')
    assert len(log.read()) == 1
    log.rewind(5)
    assert path.read_text().endswith("}\n")


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("nonsense\n")
    with pytest.raises(StoreDamaged, match="is damaged"):
        EventLog(path).read()
