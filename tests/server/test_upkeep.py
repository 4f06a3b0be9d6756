"""The sweeper works from the start of a server to its end, and a refusal of the disk does not end it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from luthier.server.upkeep import keep_swept
from luthier.store.user_files.contents import Contents
from luthier.store.user_files.shelf import keep_received
from luthier.store.user_files.user_file import FileDraft

if TYPE_CHECKING:
    from luthier.store.home import Home
    from tests.support.api import Api

PATIENCE_SECONDS = 300


def keep_expired(home: Home) -> str:
    with Contents(home).receive() as incoming:
        incoming.write(b"x")
        return keep_received(home, incoming, FileDraft("x.jsonl", "batch", 0)).id


async def wait_until_swept(home: Home) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while Contents(home).list_kept():
            await asyncio.sleep(0.01)


def test_files_are_swept_at_the_start_and_again_and_again(home: Home) -> None:
    keep_expired(home)

    async def live() -> None:
        async with keep_swept(home, pause_seconds=0.01):
            await wait_until_swept(home)
            keep_expired(home)
            await wait_until_swept(home)

    asyncio.run(live())


def test_a_sweep_that_fails_is_logged_and_followed_by_another(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    keep_expired(home)
    incoming = home.path / "blobs" / "user-files" / "incoming"
    incoming.rename(incoming.with_name("away"))
    incoming.write_text("a file is in the way")

    async def live() -> None:
        async with keep_swept(home, pause_seconds=0.01):
            while "sweep_files failed" not in caplog.text:
                await asyncio.sleep(0.01)
            incoming.unlink()
            await wait_until_swept(home)

    asyncio.run(asyncio.wait_for(live(), PATIENCE_SECONDS))


def test_a_running_server_sweeps(api: Api) -> None:
    keep_expired(api.home)
    with api.open_client():
        asyncio.run(wait_until_swept(api.home))
