"""What every test may ask for."""

from __future__ import annotations

import gc
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from luthier.models.catalog import Base, locate_base
from luthier.models.embedding import load_embedder
from luthier.settings import Settings
from luthier.store.home import Home
from tests.support.homes import lay_out_home
from tests.support.postgresql import run_postgresql
from tests.support.tiny import save_base

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from luthier.models.embedding import Embedder
    from tests.support.postgresql import PostgresqlServer

KEPT_BETWEEN_RUNS = Path(__file__).parents[1] / ".luthier-test"


# What is drawn depends on the test alone, so that a change is judged by what it changes. Without the profile
# (`--hypothesis-profile=default`) every run draws anew, which is for looking for faults.
hypothesis.settings.register_profile("suite", derandomize=True)
hypothesis.settings.load_profile("suite")


def pytest_configure() -> None:
    """A shell starts what it runs in the background deaf to interrupts, and the processes of tests would be so too."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end. To look through it for garbage takes a second each time, and finds none:
    neither while it grows, nor whenever a test wants its memory back."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(Settings(home=lay_out_home(tmp_path / "home")))
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
