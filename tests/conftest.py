"""What every test may ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.models.catalog import Base, locate_base
from luthier.models.embedding import load_embedder
from luthier.settings import Settings
from luthier.store.home import Home
from tests.support.postgresql import run_postgresql
from tests.support.tiny import save_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.models.embedding import Embedder
    from tests.support.postgresql import PostgresqlServer

KEPT_BETWEEN_RUNS = Path(__file__).parents[1] / ".luthier-test"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(Settings(home=tmp_path / "home"))
    yield home
    home.database.close()


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = save_base(tmp_path_factory.mktemp("bases") / "tiny")
    return Base(str(folder), folder)


@pytest.fixture(scope="session")
def wide_base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """Its layers are wide enough to be held in four bits."""
    folder = save_base(tmp_path_factory.mktemp("bases") / "wide", hidden_size=64)
    return Base(str(folder), folder)


@pytest.fixture(scope="session")
def smollm2() -> Base:
    """The real embedded base; fetched once and kept beside the checkout, so that only the first run downloads it."""
    return locate_base(Home(Settings(home=KEPT_BETWEEN_RUNS)), "smollm2-135m")


@pytest.fixture(scope="session")
def minilm() -> Embedder:
    """The real embedder; fetched once and kept, as the base is."""
    return load_embedder(Home(Settings(home=KEPT_BETWEEN_RUNS)))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """A server for all tests; each makes its own database."""
    with run_postgresql() as server:
        yield server
