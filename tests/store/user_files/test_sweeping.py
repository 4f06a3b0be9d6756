"""What is over goes, what somebody needs stays, and a killed process leaves nothing for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import UnknownFile
from luthier.jobs.desk import cancel_job
from luthier.store.user_files.contents import FILE_PREFIX, Contents
from luthier.store.user_files.shelf import add_file, find_content_path, get_file, keep_received
from luthier.store.user_files.sweeping import Swept, sweep_files
from luthier.store.user_files.uploads import add_part, check_pending, complete_upload, create_upload
from luthier.store.user_files.user_file import FileDraft, UploadDraft

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.store.home import Home
    from luthier.store.user_files.user_file import UserFile
    from tests.store.conftest import RunPython
    from tests.store.user_files.conftest import AddJob, Clock

HOUR, DAY = 3600.0, 86_400.0
NOTHING = Swept(files=0, uploads=0, contents=0, half_received=0)


def keep(home: Home, seconds: int | None = None) -> UserFile:
    with Contents(home).receive() as incoming:
        incoming.write(b"{}\n")
        return keep_received(home, incoming, FileDraft("rows.jsonl", "fine-tune", seconds))


def begin(home: Home) -> str:
    return create_upload(home.database, UploadDraft(FileDraft("rows.jsonl", "fine-tune"), 3, "text/jsonl")).id


def send(home: Home, upload_id: str) -> str:
    with Contents(home).receive() as incoming:
        incoming.write(b"{}\n")
        return add_part(home, upload_id, incoming).id


def test_files_whose_time_is_over_go_and_others_stay(any_home: Home, clock: Clock) -> None:
    lasting, fleeting = keep(any_home), keep(any_home, seconds=3600)
    find_content_path(any_home, fleeting.id)
    assert sweep_files(any_home) == NOTHING
    clock.pass_seconds(HOUR)
    assert sweep_files(any_home) == NOTHING._replace(files=1, contents=1)
    assert Contents(any_home).list_kept() == [lasting.id]
    with pytest.raises(UnknownFile):
        find_content_path(any_home, fleeting.id)


def test_a_file_stays_as_long_as_an_unfinished_job_needs_it(any_home: Home, clock: Clock, add_job: AddJob) -> None:
    file = keep(any_home, seconds=3600)
    job_id = add_job(any_home, training_file=file.id)
    clock.pass_seconds(DAY)
    assert sweep_files(any_home) == NOTHING
    assert find_content_path(any_home, file.id).read_bytes() == b"{}\n"
    cancel_job(any_home.database, job_id)
    assert sweep_files(any_home).files == 1


def test_an_upload_that_nobody_completed_goes_with_its_parts(any_home: Home, clock: Clock) -> None:
    upload_id = begin(any_home)
    send(any_home, upload_id)
    clock.pass_seconds(HOUR)
    assert sweep_files(any_home) == NOTHING  # somebody who was in time may still be joining the parts
    clock.pass_seconds(HOUR)
    assert sweep_files(any_home) == NOTHING._replace(uploads=1, contents=1)
    assert Contents(any_home).list_kept() == []
    clock.pass_seconds(DAY)
    assert sweep_files(any_home) == NOTHING
    with pytest.raises(UnknownFile):
        check_pending(any_home.database, upload_id)


def test_the_file_of_a_completed_upload_outlives_it(home: Home, clock: Clock) -> None:
    upload_id = begin(home)
    file = complete_upload(home, upload_id, [send(home, upload_id)]).file
    clock.pass_seconds(2 * DAY)
    assert sweep_files(home) == NOTHING
    assert file is not None
    assert get_file(home.database, file.id) == file


def test_a_content_without_an_owner_goes(home: Home, clock: Clock) -> None:
    file = keep(home)
    with Contents(home).receive() as incoming:
        incoming.write(b"x")
        Contents(home).keep(incoming, FILE_PREFIX + "0" * 24)
    assert sweep_files(home) == NOTHING._replace(contents=1)
    assert Contents(home).list_kept() == [file.id]


def test_a_file_that_was_announced_and_never_came_is_forgotten_after_a_day(home: Home, clock: Clock) -> None:
    with Contents(home).receive() as incoming, home.database.session() as session:
        id = add_file(session, incoming, FileDraft("rows.jsonl", "fine-tune"), now=clock()).id
    assert sweep_files(home) == NOTHING
    clock.pass_seconds(DAY + 1)
    assert sweep_files(home).files == 1
    with pytest.raises(UnknownFile):
        find_content_path(home, id)


KILLED = """
import os, signal, sys
from luthier.settings import Settings
from luthier.store.home import Home
from luthier.store.user_files.contents import Contents
with Contents(Home(Settings(home=sys.argv[1]))).receive() as incoming:
    incoming.write(b"half of it")
    incoming.finish()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_half_received_goes_and_what_is_being_received_stays(
    home: Home, run_python: RunPython
) -> None:
    assert run_python(KILLED, home.path).returncode == -9
    assert len(list_incoming(home)) == 1
    with Contents(home).receive() as incoming:
        incoming.write(b"still going on")
        assert sweep_files(home).half_received == 1
        assert list_incoming(home) == [incoming.path]
    assert list_incoming(home) == []


def list_incoming(home: Home) -> list[Path]:
    return list((home.path / "blobs" / "user-files" / "incoming").iterdir())
