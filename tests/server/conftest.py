"""What tests of the server may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import Api, build_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import openai
    from starlette.testclient import TestClient


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """An application over a fresh home, with a ScriptedEngine that knows `smollm2-135m`."""
    api = build_api(tmp_path / "home")
    yield api
    api.home.database.close()


@pytest.fixture
def client(api: Api) -> Iterator[TestClient]:
    """Asks the application in this process, as an admin."""
    with api.open_client() as client:
        yield client


@pytest.fixture
def sdk(api: Api) -> Iterator[openai.OpenAI]:
    """The official SDK, as an admin, over a real socket; it checks every answer against its types."""
    with api.open_sdk() as client:
        yield client
