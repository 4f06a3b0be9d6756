"""The log of a run, as it is written, cut short and rewound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import StoreDamaged
from luthier.training.events import EventLog, RunStarted, Validated

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "metrics.jsonl")
    assert log.read() == []
    log.append(RunStarted(0, 9))
    log.append(Validated(3, 0.5, True))
    assert log.read() == [
        {"event": "started", "step": 0, "total_steps": 9},
        {"event": "validation", "step": 3, "loss": 0.5, "is_best": True},
    ]


def test_a_rewound_log_forgets_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "metrics.jsonl")
    for step in (1, 2, 3):
        log.append(Validated(step, 0.5, False))
    log.rewind(2)
    assert [row["step"] for row in log.read()] == [1, 2]


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log = EventLog(path)
    log.append(RunStarted(0, 9))
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
