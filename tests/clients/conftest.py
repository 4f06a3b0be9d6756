"""One whole server for all clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.clients import Tutorial, serve_tutorial

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    with serve_tutorial(tmp_path_factory.mktemp("tutorial")) as tutorial:
        yield tutorial
