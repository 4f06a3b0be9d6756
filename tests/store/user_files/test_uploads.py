"""Parts become the file that they are parts of, once, or nothing at all."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from luthier.errors import InvalidRequest, UnknownFile, WrongState
from luthier.store.user_files import uploads
from luthier.store.user_files.contents import Contents
from luthier.store.user_files.shelf import delete_file, find_content_path, list_files
from luthier.store.user_files.uploads import add_part, cancel_upload, check_pending, complete_upload, create_upload
from luthier.store.user_files.user_file import FileDraft, UploadDraft

if TYPE_CHECKING:
    from luthier.store.home import Home
    from tests.store.user_files.conftest import Clock

PIECES = [b"first\n", b"second\n", b"third\n"]
WHOLE = b"".join(PIECES)


def begin(home: Home, size_bytes: int = len(WHOLE), seconds: int | None = None) -> str:
    draft = UploadDraft(FileDraft("rows.jsonl", "fine-tune", seconds), size_bytes, "text/jsonl")
    return create_upload(home.database, draft).id


def send(home: Home, upload_id: str, piece: bytes) -> str:
    with Contents(home).receive() as incoming:
        incoming.write(piece)
        return add_part(home, upload_id, incoming).id


def send_all(home: Home, upload_id: str) -> list[str]:
    return [send(home, upload_id, piece) for piece in PIECES]


def count_files(home: Home) -> int:
    return len(list_files(home.database, purpose=None, limit=100, after=None).items)


def test_parts_become_a_file_in_the_order_that_is_named(any_home: Home) -> None:
    upload_id = begin(any_home)
    last, first, middle = (send(any_home, upload_id, piece) for piece in (PIECES[2], PIECES[0], PIECES[1]))
    upload = complete_upload(any_home, upload_id, [first, middle, last], md5=hashlib.md5(WHOLE).hexdigest().upper())
    assert upload.status == "completed"
    assert upload.file is not None
    assert upload.file.digest == hashlib.sha256(WHOLE).hexdigest()
    assert find_content_path(any_home, upload.file.id).read_bytes() == WHOLE
    assert Contents(any_home).list_kept() == [upload.file.id]


def test_the_lifetime_of_the_file_counts_from_the_file(home: Home, clock: Clock) -> None:
    upload_id = begin(home, seconds=3600)
    ids = send_all(home, upload_id)
    clock.pass_seconds(1800)
    file = complete_upload(home, upload_id, ids).file
    assert file is not None
    assert file.expires_at is not None
    assert (file.expires_at - file.created_at).total_seconds() == 3600


def test_a_completion_that_is_asked_for_twice_gives_the_same_file(home: Home) -> None:
    upload_id = begin(home)
    ids = send_all(home, upload_id)
    once, again = (complete_upload(home, upload_id, ids) for _ in range(2))
    assert once == again
    assert count_files(home) == 1


def test_completions_at_the_same_time_make_one_file(any_home: Home) -> None:
    upload_id = begin(any_home)
    ids = send_all(any_home, upload_id)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: complete_upload(any_home, upload_id, ids), range(4)))
    files = {upload.file.id for upload in done if upload.file is not None}
    assert len(files) == 1
    assert count_files(any_home) == 1
    assert Contents(any_home).list_kept() == sorted(files)


def test_parts_that_do_not_make_the_announced_file_are_refused_and_can_be_corrected(home: Home) -> None:
    upload_id = begin(home)
    ids = send_all(home, upload_id)
    for chosen in ([], [0], [0, 1], [0, 1, 2, 2], [0, 1, 1]):
        with pytest.raises(InvalidRequest):
            complete_upload(home, upload_id, [ids[number] for number in chosen])
    assert complete_upload(home, upload_id, ids).status == "completed"


def test_parts_of_another_upload_are_refused(home: Home) -> None:
    ids, other = send_all(home, begin(home)), begin(home)
    with pytest.raises(InvalidRequest, match="has no part"):
        complete_upload(home, other, ids)


def test_a_wrong_checksum_is_said_and_leaves_the_upload_open(home: Home) -> None:
    upload_id = begin(home)
    ids = send_all(home, upload_id)
    with pytest.raises(InvalidRequest, match="md5 checksum"):
        complete_upload(home, upload_id, ids, md5="0" * 32)
    assert count_files(home) == 0
    assert complete_upload(home, upload_id, ids).file is not None


def test_a_part_that_came_twice_need_not_be_used(home: Home) -> None:
    upload_id = begin(home)
    send(home, upload_id, PIECES[0])
    upload = complete_upload(home, upload_id, send_all(home, upload_id))
    assert upload.file is not None
    assert Contents(home).list_kept() == [upload.file.id]


def test_a_cancelled_upload_takes_no_parts_and_leaves_none(any_home: Home) -> None:
    upload_id = begin(any_home)
    ids = send_all(any_home, upload_id)
    assert [cancel_upload(any_home, upload_id).status for _ in range(2)] == ["cancelled", "cancelled"]
    assert Contents(any_home).list_kept() == []
    with pytest.raises(WrongState, match="cancelled"):
        send(any_home, upload_id, b"x")
    with pytest.raises(WrongState, match="cancelled"):
        complete_upload(any_home, upload_id, ids)


def test_an_upload_that_is_cancelled_while_its_parts_are_joined_is_cancelled(home: Home) -> None:
    upload_id = begin(home)
    ids = send_all(home, upload_id)
    first = home.path / "blobs" / "user-files" / ids[0]
    first.unlink()
    os.mkfifo(first)  # reading it lasts until somebody has written it
    with ThreadPoolExecutor(1) as pool:
        joining = pool.submit(complete_upload, home, upload_id, ids)
        with first.open("wb") as pipe:
            assert cancel_upload(home, upload_id).status == "cancelled"
            pipe.write(PIECES[0])
        with pytest.raises(WrongState, match="cancelled"):
            joining.result()
    assert count_files(home) == 0
    assert Contents(home).list_kept() == []


def test_a_completed_upload_is_neither_cancelled_nor_continued(home: Home) -> None:
    upload_id = begin(home)
    complete_upload(home, upload_id, send_all(home, upload_id))
    for change in (cancel_upload, lambda home, id: send(home, id, b"x")):
        with pytest.raises(WrongState, match="completed"):
            change(home, upload_id)


def test_an_upload_ends_after_an_hour(home: Home, clock: Clock) -> None:
    upload_id = begin(home)
    ids = send_all(home, upload_id)
    clock.pass_seconds(3600)
    for change in (
        lambda: send(home, upload_id, b"x"),
        lambda: complete_upload(home, upload_id, ids),
        lambda: cancel_upload(home, upload_id),
        lambda: check_pending(home.database, upload_id),
    ):
        with pytest.raises(WrongState, match="expired"):
            change()


def test_all_parts_of_an_upload_together_are_bounded(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_PARTS_BYTES", len(WHOLE))
    upload_id = begin(home)
    send_all(home, upload_id)
    with pytest.raises(InvalidRequest, match="too many bytes"):
        send(home, upload_id, b"x")


def test_the_file_of_a_completed_upload_may_be_deleted(home: Home) -> None:
    upload_id = begin(home)
    ids = send_all(home, upload_id)
    file = complete_upload(home, upload_id, ids).file
    assert file is not None
    delete_file(home, file.id)
    assert complete_upload(home, upload_id, ids).file is None


def test_an_unknown_upload_is_named(home: Home) -> None:
    for upload_id in ("", "upload_1", "upload_" + "0" * 24, "upload_\0", "file-" + "0" * 24):
        with pytest.raises(UnknownFile, match="No such Upload object"):
            check_pending(home.database, upload_id)
