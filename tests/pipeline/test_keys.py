"""A home folder has one working admin key of its own, whoever asks for it and however often."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from luthier import pipeline
from luthier.errors import InvalidConfig, MachineError
from luthier.settings import Settings
from luthier.store.home import Home
from luthier.store.keys import REMEMBERED_SECONDS, find_key, list_keys

if TYPE_CHECKING:
    from pathlib import Path


def test_the_first_start_makes_a_key_and_the_next_ones_find_it(home: Home) -> None:
    assert pipeline.read_own_key(home) is None
    first, second = pipeline.ensure_own_key(home), pipeline.ensure_own_key(home)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.secret == second.secret == pipeline.read_own_key(home)
    key = find_key(home.database, first.secret)
    assert key is not None
    assert key.role == "admin"


def test_only_its_owner_may_read_it(home: Home) -> None:
    own = pipeline.ensure_own_key(home)
    assert stat.S_IMODE(own.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(own.path.parent.stat().st_mode) == 0o700
    assert own.path.is_relative_to(home.path)


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    homes = [Home(Settings(home=tmp_path)) for _ in range(8)]
    with ThreadPoolExecutor(len(homes)) as pool:
        keys = list(pool.map(pipeline.ensure_own_key, homes))
    assert len({key.secret for key in keys}) == 1
    assert [key.is_new for key in keys].count(True) == 1
    assert len(list_keys(homes[0].database)) == 1
    for home in homes:
        home.database.close()


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"sk-luthier-from-elsewhere\n"])
def test_a_file_that_holds_no_valid_key_is_replaced(home: Home, damage: bytes) -> None:
    first = pipeline.ensure_own_key(home)
    first.path.write_bytes(damage)
    second = pipeline.ensure_own_key(home)
    assert second.is_new
    assert find_key(home.database, second.secret) is not None


def test_a_revoked_own_key_is_replaced_at_the_next_start(home: Home) -> None:
    first = pipeline.ensure_own_key(home)
    (key,) = pipeline.list_keys(home=home)
    slept: list[float] = []
    assert pipeline.revoke_key(key.id, home=home, sleep=slept.append).revoked_at is not None
    assert slept == [REMEMBERED_SECONDS], "servers remember the key for so long"
    assert pipeline.ensure_own_key(home).secret != first.secret


def test_a_folder_that_cannot_be_made_is_a_clear_error(home: Home) -> None:
    (home.path / "keys").write_text("in the way")
    with pytest.raises(MachineError):
        pipeline.ensure_own_key(home)


@pytest.mark.parametrize(
    ("role", "name"), [("boss", ""), ("", ""), ("Admin", ""), ("member", "a\nb"), ("member", "x" * 101)]
)
def test_a_key_that_makes_no_sense_is_not_made(home: Home, role: str, name: str) -> None:
    with pytest.raises(InvalidConfig):
        pipeline.create_key(role, name=name, home=home)
    assert pipeline.list_keys(home=home) == []
