"""Each check says ok where all is well, and what is wrong where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier import doctor
from luthier.doctor import GIB, Check
from luthier.settings import Settings
from luthier.store.home import Home

if TYPE_CHECKING:
    from pathlib import Path


def test_a_sound_machine_passes_every_check(tmp_path: Path) -> None:
    checks = doctor.examine_machine(Settings(home=tmp_path / "home"))
    names = ["python", "home folder", "database", "base smollm2-135m", "disk", "memory", "torch"]
    assert [check.name for check in checks] == [*names, "transformers", "peft", "pip", "vllm"]
    assert [check for check in checks if check.status == "fail"] == []
    assert all(check.detail for check in checks)


def test_a_home_that_cannot_be_made_fails_and_the_other_checks_go_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    checks = {check.name: check for check in doctor.examine_machine(Settings(home=tmp_path / "file" / "home"))}
    assert checks["home folder"].status == "fail"
    assert checks["home folder"].hint
    assert checks["torch"].status == "ok"
    assert "database" not in checks


@pytest.mark.parametrize(("free_gib", "status"), [(1.9, "warn"), (2.0, "ok")])
def test_little_memory_is_a_warning(free_gib: float, status: str) -> None:
    check = doctor.check_memory(int(free_gib * GIB))
    assert check.status == status
    assert bool(check.hint) == (status == "warn")


def test_a_small_disk_is_a_warning_even_before_the_home_exists(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    assert doctor.check_disk(folder).status == "ok"
    assert doctor.check_disk(folder, least_gib=1e9).status == "warn"


def test_an_old_python_fails() -> None:
    assert doctor.check_python((3, 10, 4)) == Check("python", "fail", "3.10.4", "use Python 3.11 or later")
    assert doctor.check_python((3, 11, 0)).status == "ok"


def test_a_package_that_is_not_installed_fails() -> None:
    assert doctor.check_package("no-such-package-here").status == "fail"


def test_a_database_that_is_none_fails(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path))
    (home.path / "luthier.db").write_text("this is no database " * 50)
    check = doctor.check_database(home)
    assert check.status == "fail"
    assert check.hint


def test_a_base_that_was_fetched_is_said_to_be_here(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path))
    assert doctor.check_bases(home)[0].detail.startswith("not fetched yet")
    (home.bases / "smollm2-135m").mkdir()
    (home.bases / "smollm2-135m" / "config.json").write_text("{}")
    assert doctor.check_bases(home) == [Check("base smollm2-135m", "ok", "fetched")]


def test_vllm_is_found_where_it_is_and_not_missed_where_it_is_not(tmp_path: Path) -> None:
    program = tmp_path / "vllm"
    program.write_text("")
    program.chmod(0o755)
    settings = {"home": tmp_path / "home", "vllm_command": str(program)}
    assert doctor.check_vllm(Settings(**settings)) == Check("vllm", "ok", str(program))
    program.unlink()
    assert doctor.check_vllm(Settings(**settings)).detail.startswith("not here")
    assert "127.0.0.1" in doctor.check_vllm(Settings(**settings, vllm_url="http://127.0.0.1:8000/v1")).detail
