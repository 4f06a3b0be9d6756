"""Names of trackers are checked before a run begins."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from luthier.errors import InvalidConfig, MachineError
from luthier.training.trackers.registry import TRACKERS, build_trackers, require_trackers

if TYPE_CHECKING:
    from pathlib import Path


def test_an_unknown_tracker_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InvalidConfig, match="'tensorbord'") as refusal:
        require_trackers(["tensorbord"])
    assert refusal.value.hint == "did you mean tensorboard?"


@pytest.mark.parametrize("name", TRACKERS)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(MachineError, match=name) as refusal:
        require_trackers([name])
    assert refusal.value.hint == f"pip install 'luthier[{name}]'"


def test_a_folder_of_that_name_is_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wandb").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    with pytest.raises(MachineError, match="wandb"):
        require_trackers(["wandb"])


@pytest.mark.parametrize("name", TRACKERS)
def test_an_installed_tracker_is_built_once_however_often_it_is_named(name: str) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    require_trackers([name])
    trackers = build_trackers([name, name])
    assert list(trackers) == [name]
    assert type(trackers[name]).__name__ == TRACKERS[name]
