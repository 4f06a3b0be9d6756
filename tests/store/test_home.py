"""One folder that holds everything, and what is said when it cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from luthier.errors import MachineError
from luthier.settings import Settings
from luthier.store.catalog import keep_artefact, list_artefacts
from luthier.store.home import Home


def test_nothing_is_made_before_it_is_asked_for(settings: Settings) -> None:
    home = Home(settings)
    assert not settings.home_path.exists()
    assert home.runs == settings.home_path / "runs"
    assert [entry.name for entry in settings.home_path.iterdir()] == ["runs"]


def test_every_folder_is_there_when_handed_out(settings: Settings) -> None:
    home = Home(settings)
    assert home.path == settings.home_path
    for folder in (home.path, home.bases, home.models, home.runs):
        assert folder.is_dir()
    assert len({home.bases, home.models, home.runs}) == 3


def test_the_database_and_the_blobs_lie_inside_and_are_opened_once(settings: Settings) -> None:
    home = Home(settings)
    digest = home.blobs.put(b"hello")
    assert (settings.home_path / "blobs" / digest[:2] / digest).is_file()
    assert home.database is home.database
    assert home.blobs is home.blobs
    assert (settings.home_path / "luthier.db").is_file()
    home.database.close()


def test_the_clock_that_is_given_dates_what_is_kept(settings: Settings) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    home = Home(settings, clock=lambda: moment)
    keep_artefact(home.database, kind="k", name="n", manifest={})
    assert list_artefacts(home.database, "k")[0].created_at == moment
    home.database.close()


@pytest.mark.parametrize("inside", ["", "home"])
def test_a_home_that_is_a_file_is_named(tmp_path: Path, inside: str) -> None:
    (tmp_path / "File").write_text("x")
    home = Home(Settings(home=tmp_path / "File" / inside))
    with pytest.raises(MachineError, match=r"File.*cannot be made a folder: a file is in the way") as caught:
        assert home.path
    assert "LUTHIER_HOME" in caught.value.hint


def test_a_home_whose_name_is_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="file name too long"):
        assert Home(Settings(home=tmp_path / ("x" * 300))).path


@pytest.mark.usefixtures("unprivileged")
@pytest.mark.parametrize("home", ["/", "/luthier-test"])
def test_a_home_of_somebody_else_is_named(home: str) -> None:
    with pytest.raises(MachineError, match=r"^/: cannot write here") as caught:
        assert Home(Settings(home=Path(home))).path
    assert "LUTHIER_HOME" in caught.value.hint
