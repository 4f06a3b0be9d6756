"""What arrives is on disk alone until it is kept, and a disk without room says so before it is full."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from luthier.errors import DiskFull, InvalidConfig
from luthier.settings import Settings
from luthier.store.home import Home
from luthier.store.user_files.contents import SPARE_BYTES, Contents

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import RunPython


def test_what_arrives_is_counted_and_hashed(home: Home) -> None:
    with Contents(home).receive() as incoming:
        for piece in (b"one ", b"", b"two"):
            incoming.write(piece)
        incoming.finish()
        assert incoming.path.read_bytes() == b"one two"
    assert incoming.size_bytes == 7
    assert incoming.digest == hashlib.sha256(b"one two").hexdigest()


def test_room_for_the_database_is_left_on_the_disk(home: Home) -> None:
    free = shutil.disk_usage(home.path).free
    with pytest.raises(DiskFull, match="no room for"), Contents(home).receive(free + SPARE_BYTES):
        pass


FULL = """
import resource, sys
from luthier.errors import DiskFull
from luthier.settings import Settings
from luthier.store.home import Home
from luthier.store.user_files.contents import Contents
contents = Contents(Home(Settings(home=sys.argv[1])))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with contents.receive() as incoming:
        incoming.write(bytes(100_000))
except DiskFull as error:
    print(error.hint)
"""


def test_a_disk_that_fills_up_is_named_and_left_as_it_was(tmp_path: Path, run_python: RunPython) -> None:
    ended = run_python(FULL, tmp_path)
    assert "free some space" in ended.stdout, ended.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_storage_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="storage_url 'nowhere://x'"):
        Contents(Home(Settings(home=tmp_path, storage_url="nowhere://x")))
