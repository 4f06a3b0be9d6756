"""Weights are told apart by their bytes, and read once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from luthier.models.digest import digest_weights

if TYPE_CHECKING:
    from pathlib import Path


def test_every_file_and_every_byte_counts(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"one")
    digests = [digest_weights(tmp_path)]
    (tmp_path / "b.safetensors").write_bytes(b"two")
    digests.append(digest_weights(tmp_path))
    file.write_bytes(b"eno")
    os.utime(file, ns=(0, 1))  # whatever the clock's grain is
    digests.append(digest_weights(tmp_path))
    assert len(set(digests)) == 3
    (tmp_path / "config.json").write_text("{}")
    assert digest_weights(tmp_path) == digests[-1]


def test_the_same_bytes_elsewhere_have_the_same_digest(tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "other"):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")
    assert digest_weights(tmp_path / "one") == digest_weights(tmp_path / "other")


def test_a_file_that_stays_is_not_read_again(tmp_path: Path) -> None:
    """Its bytes are swapped under an unchanged inode, size and time, which no program does by chance."""
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"one")
    before, state = digest_weights(tmp_path), file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert digest_weights(tmp_path) == before
