"""Files are kept whole, listed in their order even while they are deleted, and gone when they are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import StoreDamaged, UnknownFile, WrongState
from luthier.jobs.desk import cancel_job
from luthier.store.ids import derive_id
from luthier.store.user_files.contents import Contents
from luthier.store.user_files.shelf import (
    add_file,
    delete_file,
    find_content_path,
    get_file,
    keep_file,
    keep_received,
    list_files,
    open_content,
)
from luthier.store.user_files.user_file import FileDraft

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.store.home import Home
    from luthier.store.user_files.user_file import UserFile
    from tests.store.user_files.conftest import AddJob, Clock


def keep(home: Home, content: bytes = b"{}\n", *, purpose: str = "fine-tune", seconds: int | None = None) -> UserFile:
    with Contents(home).receive() as incoming:
        incoming.write(content)
        return keep_received(home, incoming, FileDraft("rows.jsonl", purpose, seconds))


def list_ids(home: Home, **options: object) -> list[str]:
    usual = {"purpose": None, "limit": 100, "after": None}
    return [file.id for file in list_files(home.database, **{**usual, **options}).items]


def list_stored(home: Home) -> list[str]:
    return Contents(home).list_kept()


@pytest.mark.parametrize("content", [b"x", bytes(range(256)) * 5000])
def test_a_kept_file_comes_back_byte_by_byte(any_home: Home, content: bytes) -> None:
    file = keep(any_home, content)
    with open_content(any_home, file.id) as opened:
        assert opened.read() == content
    assert find_content_path(any_home, file.id).read_bytes() == content
    assert get_file(any_home.database, file.id) == file
    assert (file.size_bytes, file.status, file.expires_at) == (len(content), "processed", None)


def test_nothing_is_kept_of_what_nobody_kept(any_home: Home) -> None:
    with Contents(any_home).receive() as incoming:
        incoming.write(b"x")
    assert not incoming.path.exists()
    assert list_ids(any_home) == list_stored(any_home) == []


def test_two_files_of_equal_bytes_are_deleted_one_by_one(home: Home) -> None:
    first, second = keep(home), keep(home)
    delete_file(home, first.id)
    assert find_content_path(home, second.id).read_bytes() == b"{}\n"
    delete_file(home, second.id)
    assert list_stored(home) == []


def test_a_deleted_file_is_unknown_to_everybody(any_home: Home) -> None:
    file = keep(any_home)
    find_content_path(any_home, file.id)  # which leaves a copy on this machine when the storage is elsewhere
    delete_file(any_home, file.id)
    assert list_stored(any_home) == []
    with pytest.raises(UnknownFile, match=f"^No such File object: {file.id}$"):
        get_file(any_home.database, file.id)
    for read in (find_content_path, open_content, delete_file):
        with pytest.raises(UnknownFile):
            read(any_home, file.id)


def test_no_other_name_reaches_database_or_disk(home: Home) -> None:
    for file_id in ("", "file-1", "../luthier.db", "file-\0", "part_" + "0" * 24):
        for read in (find_content_path, open_content, delete_file):
            with pytest.raises(UnknownFile):
                read(home, file_id)
        with pytest.raises(UnknownFile):
            list_ids(home, after=file_id)


def test_files_are_listed_the_latest_first_or_the_other_way_round(home: Home) -> None:
    ids = [keep(home).id for _ in range(3)]
    assert list_ids(home) == ids[::-1]
    assert list_ids(home, is_descending=False) == ids
    assert list_ids(home, purpose="batch") == []


def test_pages_hold_all_files_once_while_each_that_was_seen_is_deleted(any_home: Home) -> None:
    ids = [keep(any_home).id for _ in range(5)]
    seen: list[str] = []
    while (page := list_files(any_home.database, purpose=None, limit=2, after=seen[-1] if seen else None)).items:
        seen += [file.id for file in page.items]
        assert page.has_more == (len(seen) < 5)
        for file in page.items:
            delete_file(any_home, file.id)
    assert seen == ids[::-1]


def test_a_file_is_unknown_from_the_second_on_in_which_its_time_is_over(any_home: Home, clock: Clock) -> None:
    file = keep(any_home, seconds=3600)
    clock.pass_seconds(3599)
    assert list_ids(any_home) == [file.id]
    clock.pass_seconds(1)
    assert list_ids(any_home) == []
    with pytest.raises(UnknownFile):
        get_file(any_home.database, file.id)


def test_a_job_that_has_begun_still_reads_a_file_whose_time_is_over(home: Home, clock: Clock) -> None:
    file = keep(home, seconds=3600)
    clock.pass_seconds(4000)
    assert find_content_path(home, file.id).read_bytes() == b"{}\n"


@pytest.mark.parametrize("role", ["training_file", "validation_file"])
def test_a_file_that_an_unfinished_job_needs_is_not_deleted(home: Home, add_job: AddJob, role: str) -> None:
    file = keep(home)
    job_id = add_job(home, **{role: file.id})
    with pytest.raises(WrongState, match=f"in use by fine-tuning job {job_id!r}"):
        delete_file(home, file.id)
    assert find_content_path(home, file.id)
    cancel_job(home.database, job_id)
    delete_file(home, file.id)


def test_a_file_that_is_only_announced_is_shown_to_nobody(home: Home, clock: Clock) -> None:
    with Contents(home).receive() as incoming, home.database.session() as session:
        id = add_file(session, incoming, FileDraft("rows.jsonl", "fine-tune"), now=clock()).id
    assert list_ids(home) == []
    for read in (find_content_path, open_content, delete_file):
        with pytest.raises(UnknownFile):
            read(home, id)


def test_work_that_is_done_again_replaces_its_file(any_home: Home, clock: Clock) -> None:
    id = derive_id("file-", clock(), "ftjob-1")
    for content in (b"step\n1\n", b"step\n1\n2\n"):
        keep_file(any_home, content, filename="step_metrics.csv", purpose="fine-tune-results", file_id=id)
    assert list_ids(any_home, purpose="fine-tune-results") == [id]
    assert find_content_path(any_home, id).read_bytes() == b"step\n1\n2\n"


def test_damage_is_noticed_when_a_file_is_used(any_home: Home) -> None:
    file = keep(any_home, b"good")
    path = find_content_path(any_home, file.id)
    path.write_bytes(b"evil")
    with pytest.raises(StoreDamaged, match="no longer matches its SHA-256"):
        find_content_path(any_home, file.id)


def test_a_missing_content_is_noticed(any_home: Home) -> None:
    file = keep(any_home)
    Contents(any_home).remove(file.id)
    for read in (find_content_path, open_content):
        with pytest.raises(StoreDamaged, match="missing"):
            read(any_home, file.id)


def test_a_hostile_name_is_kept_as_a_name_alone(home: Home, tmp_path: Path) -> None:
    file = keep_file(home, b"x", filename="../../\0etc/\x1bpass\ud800wd.jsonl", purpose="fine-tune")
    assert file.filename == "pass?wd.jsonl"
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]
