"""Files and folders that are whole or absent, on disks that are full and in processes that are killed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.errors import DiskFull, MachineError
from luthier.store.files import (
    clear_unfinished,
    is_read,
    open_scratch,
    place_file,
    replace_file,
    replace_folder,
    translate_disk_errors,
    write_atomic,
)

if TYPE_CHECKING:
    from tests.store.conftest import RunPython

# 4,096 bytes is all that a file may grow to; Python ignores SIGXFSZ, so a longer write fails with EFBIG.
SMALL_DISK = """
import resource, sys
from pathlib import Path
from luthier.errors import DiskFull
from luthier.store.files import replace_folder, translate_disk_errors, write_atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
path = Path(sys.argv[1])
try:
    {}
except DiskFull as error:
    print(error.message, "|", error.hint)
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_text_and_bytes_arrive_and_folders_are_made(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b" / "text", "zażółć\n")
    write_atomic(tmp_path / "bytes", b"\x00\xff")
    assert (tmp_path / "a" / "b" / "text").read_bytes() == "zażółć\n".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"


def test_a_file_is_replaced_and_nothing_else_stays(tmp_path: Path) -> None:
    write_atomic(tmp_path / "file", "old")
    write_atomic(tmp_path / "file", "new")
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "new"


def test_a_file_is_as_readable_as_the_umask_allows(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_atomic(tmp_path / "atomic", "")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_written_bit_by_bit_appears_when_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with replace_file(tmp_path / "file") as file:
        file.write(b"ne")
        assert (tmp_path / "file").read_text() == "old"
        file.write(b"w")
    assert (tmp_path / "file").read_text() == "new"
    assert names(tmp_path) == ["file"]


def test_a_file_whose_writer_fails_does_not_appear(tmp_path: Path) -> None:
    def write_and_fail() -> None:
        with replace_file(tmp_path / "file") as file:
            file.write(b"new")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write_and_fail()
    assert names(tmp_path) == []


def test_what_a_killed_writer_left_is_cleared_away_and_nothing_else(tmp_path: Path, run_python: RunPython) -> None:
    (tmp_path / "file.tmp").write_text("somebody else's")
    code = f"""
import os, signal
from pathlib import Path
from luthier.store.files import replace_file
with replace_file(Path({str(tmp_path)!r}) / "file") as file:
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_python(code).returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    clear_unfinished(tmp_path)
    assert names(tmp_path) == ["file.tmp"]


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    write_atomic(tmp_path / "file", "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(tmp_path / "file", "\ud800")
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_full_disk_keeps_the_old_file_and_leaves_nothing_half_written(tmp_path: Path, run_python: RunPython) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    done = run_python(SMALL_DISK.format("write_atomic(path, b'x' * 100_000)"), path)
    assert done.stdout == (
        f"{path}: no room: file too large | free some space, or point LUTHIER_HOME at a larger disk\n"
    ), done.stderr
    assert names(tmp_path) == ["file"]
    assert path.read_text() == "old"


def test_a_full_disk_inside_a_new_folder_leaves_the_old_folder(tmp_path: Path, run_python: RunPython) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    code = """
    with replace_folder(path) as fresh:
        (fresh / "big").write_bytes(b"x" * 100_000)"""
    assert run_python(SMALL_DISK.format(code), path).stdout.startswith(f"{path}: no room")
    assert names(tmp_path) == ["folder"]


def test_a_full_disk_is_understood_when_safetensors_reports_it(tmp_path: Path, run_python: RunPython) -> None:
    code = """
    import numpy
    from safetensors.numpy import save_file
    with translate_disk_errors(path):
        save_file({"weight": numpy.zeros(100_000)}, path)"""
    path = tmp_path / "adapter.safetensors"
    done = run_python(SMALL_DISK.format(code), path)
    assert done.stdout.startswith(f"{path}: no room"), done.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_each_way_of_a_full_disk_names_the_path(number: int, tmp_path: Path) -> None:
    with (
        pytest.raises(DiskFull, match=f"{tmp_path}/x: no room") as caught,
        translate_disk_errors(tmp_path / "x"),
    ):
        raise OSError(number, os.strerror(number))
    assert "LUTHIER_HOME" in caught.value.hint


def test_a_read_only_disk_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=f"{tmp_path}: cannot write here: read-only") as caught:  # noqa: SIM117
        with translate_disk_errors(tmp_path / "x"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    assert "LUTHIER_HOME" in caught.value.hint


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_of_somebody_else_is_named() -> None:
    with pytest.raises(MachineError, match=r"^/: cannot write here: permission denied"):
        write_atomic(Path("/luthier-test"), "x")


def test_any_other_error_passes_unchanged(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), translate_disk_errors(tmp_path):
        tmp_path.read_bytes()
    with pytest.raises(KeyError), translate_disk_errors(tmp_path):
        raise KeyError("x")


def test_a_folder_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    with replace_folder(tmp_path / "deep" / "run") as fresh:
        (fresh / "sub").mkdir()
        (fresh / "sub" / "file").write_text("x")
        assert not (tmp_path / "deep" / "run").exists()
        assert fresh.parent == tmp_path / "deep"
    assert (tmp_path / "deep" / "run" / "sub" / "file").read_text() == "x"
    assert names(tmp_path / "deep") == ["run"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with replace_folder(tmp_path / "run") as fresh:
            (fresh / content).write_text(content)
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["new"]


def test_a_folder_that_failed_goes_and_the_old_one_stays(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old").write_text("x")
    with pytest.raises(KeyboardInterrupt), replace_folder(tmp_path / "run") as fresh:  # noqa: PT012
        (fresh / "new").write_text("x")
        raise KeyboardInterrupt
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["old"]


def test_what_a_killed_process_left_is_cleared_and_what_a_live_one_holds_is_not(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from luthier.store.files import replace_folder
with replace_folder(Path(sys.argv[1])) as fresh:
    (fresh / "half").write_text("x")
    print(fresh, flush=True)
    sys.stdin.read()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        held = Path(writer.stdout.readline().strip())
        with replace_folder(tmp_path / "run"):
            assert held.is_dir()
        writer.send_signal(signal.SIGKILL)
    assert held.is_dir()
    with replace_folder(tmp_path / "run"):
        assert not held.exists()
    assert names(tmp_path) == ["run"]


def test_a_swap_that_was_cut_in_two_gives_the_old_folder_back(tmp_path: Path) -> None:
    former = tmp_path / ".run.0123456789abcdef.old"
    former.mkdir()
    (former / "old").write_text("x")
    former.with_suffix(".new").mkdir()
    former.with_suffix(".claim").touch()
    with pytest.raises(KeyboardInterrupt), replace_folder(tmp_path / "run"):
        raise KeyboardInterrupt
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["old"]


def test_a_folder_may_be_replaced_inside_one_that_is_being_made(tmp_path: Path) -> None:
    with replace_folder(tmp_path / "run") as fresh, replace_folder(fresh / "step") as step:
        (step / "file").write_text("x")
    assert (tmp_path / "run" / "step" / "file").read_text() == "x"


def test_the_leftovers_of_another_folder_are_not_touched(tmp_path: Path) -> None:
    other = tmp_path / ".runs.0123456789abcdef.new"
    other.mkdir()
    other.with_suffix(".claim").touch()
    with replace_folder(tmp_path / "run"):
        pass
    assert other.is_dir()


def test_a_scratch_folder_is_hidden_beside_its_file_and_goes_with_the_block(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    with open_scratch(target) as scratch:
        assert scratch.parent == target.parent
        assert scratch.name.startswith(".file.")
        (scratch / "draft").write_text("x")
    assert names(target.parent) == []
    with pytest.raises(KeyboardInterrupt), open_scratch(target) as scratch:
        raise KeyboardInterrupt
    assert names(target.parent) == []


def test_a_full_disk_inside_a_scratch_folder_names_the_file(tmp_path: Path, run_python: RunPython) -> None:
    code = """
    from luthier.store.files import open_scratch
    with open_scratch(path) as scratch:
        (scratch / "big").write_bytes(b"x" * 100_000)"""
    path = tmp_path / "file"
    assert run_python(SMALL_DISK.format(code), path).stdout.startswith(f"{path}: no room")
    assert names(tmp_path) == []


def test_a_finished_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with open_scratch(tmp_path / "file") as scratch:
        (scratch / "draft").write_text("new")
        place_file(scratch / "draft", tmp_path / "file")
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "new"


def test_what_is_read_is_known_by_every_name(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "a.jsonl"
    file.write_text("rows")
    (tmp_path / "link.jsonl").symlink_to(file)
    assert is_read(tmp_path / "link.jsonl", file)
    assert is_read(tmp_path / "folder" / "new.jsonl", tmp_path / "folder")
    assert not is_read(tmp_path / "new.jsonl", tmp_path / "folder")
    assert not is_read(tmp_path / "missing.jsonl", tmp_path / "absent.jsonl")
