"""A run's folder belongs to one process at a time, and begins clean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import RunNotResumable
from luthier.training.run_record import lock_run

if TYPE_CHECKING:
    from luthier.store.home import Home


def test_a_second_process_is_refused_and_clears_nothing_away(home: Home) -> None:
    with lock_run(home, "run-1"):
        unfinished = home.runs / "run-1" / ".0123456789abcdef.tmp"
        unfinished.touch()
        with pytest.raises(RunNotResumable, match="run-1 is being trained by another process"), lock_run(home, "run-1"):
            pass
        assert unfinished.exists()


def test_what_a_killed_process_left_half_written_is_gone_when_the_run_goes_on(home: Home) -> None:
    folder = home.runs / "run-1"
    folder.mkdir(parents=True)
    (folder / ".0123456789abcdef.tmp").touch()
    (folder / "metrics.jsonl").touch()
    with lock_run(home, "run-1"):
        assert sorted(path.name for path in folder.iterdir()) == ["lock", "metrics.jsonl"]
