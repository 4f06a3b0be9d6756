"""Locks that only their holder keeps closed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from luthier.store.locks import hold_lock, is_locked, locked

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_or_folder_is_locked_for_as_long_as_the_block_runs(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "made.lock"):
        with locked(path):
            assert is_locked(path)
        assert not is_locked(path)


def test_what_does_not_exist_is_not_locked(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "gone" / "lock")
    assert not (tmp_path / "gone").exists()


def test_who_must_not_wait_is_told(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(BlockingIOError):
        hold_lock(tmp_path, waits=False)


def test_an_error_in_the_block_opens_the_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    assert not is_locked(tmp_path)


def test_a_held_lock_opens_when_its_descriptor_closes(tmp_path: Path) -> None:
    handle = hold_lock(tmp_path)
    assert is_locked(tmp_path)
    os.close(handle)
    assert not is_locked(tmp_path)
