"""Contents by their SHA-256, on a local disk and on an object store in memory."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from luthier.errors import InvalidConfig, StoreDamaged, UnknownArtefact
from luthier.store.blobs import BlobStore

if TYPE_CHECKING:
    from pathlib import Path

HELLO = hashlib.sha256(b"hello").hexdigest()


@pytest.fixture(params=["disk", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return BlobStore(str(tmp_path / "blobs") if request.param == "disk" else f"memory://{tmp_path}")


@pytest.mark.parametrize("content", [b"", b"hello", bytes(range(256)) * 100])
def test_the_same_bytes_come_back(blobs: BlobStore, content: bytes) -> None:
    digest = blobs.put(content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert blobs.has(digest)
    assert blobs.get(digest) == content


def test_the_same_content_is_kept_once_in_the_folder_of_its_first_digits(tmp_path: Path) -> None:
    blobs = BlobStore(str(tmp_path))
    assert blobs.put(b"hello") == blobs.put(b"hello")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [tmp_path / HELLO[:2] / HELLO]


def test_a_file_address_is_a_local_folder(tmp_path: Path) -> None:
    BlobStore(f"file://{tmp_path}").put(b"hello")
    assert (tmp_path / HELLO[:2] / HELLO).read_bytes() == b"hello"


def test_damage_is_noticed_when_read_and_mended_when_put_again(tmp_path: Path) -> None:
    blobs = BlobStore(str(tmp_path))
    blobs.put(b"hello")
    (tmp_path / HELLO[:2] / HELLO).write_bytes(b"jello")
    with pytest.raises(StoreDamaged, match=HELLO):
        blobs.get(HELLO)
    blobs.put(b"hello")
    assert blobs.get(HELLO) == b"hello"


@pytest.mark.parametrize("digest", [HELLO, "", "../../etc/passwd", HELLO.upper(), f"{HELLO}\n", "0" * 63])
def test_what_is_not_kept_is_unknown(blobs: BlobStore, digest: str) -> None:
    assert not blobs.has(digest)
    with pytest.raises(UnknownArtefact):
        blobs.get(digest)


def test_a_name_that_climbs_out_is_never_a_path(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    assert not BlobStore(str(tmp_path / "blobs")).has("../secret")


def test_an_address_that_cannot_be_used_is_named() -> None:
    with pytest.raises(InvalidConfig, match="storage_url 'nowhere://x'") as caught:
        BlobStore("nowhere://x")
    assert "s3fs" in caught.value.hint


@pytest.mark.skipif(find_spec("s3fs") is not None, reason="s3fs is installed")
def test_a_missing_driver_is_named() -> None:
    with pytest.raises(InvalidConfig, match="Install s3fs"):
        BlobStore("s3://bucket")
