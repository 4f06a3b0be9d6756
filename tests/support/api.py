"""The server in a test: the whole application over a home of its own, asked in this process or over a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import numpy as np
import openai
import uvicorn
from starlette.testclient import TestClient

from luthier.engine.protocol import EmbeddedTexts
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.server.app import create_app
from luthier.server.services import Services
from luthier.settings import Settings
from luthier.store.home import Home
from luthier.store.keys import create_key
from tests.support.homes import lay_out_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from fastapi import FastAPI

    from luthier.engine.protocol import Engine
    from luthier.engine.scripted_engine import Script
    from luthier.store.keys import Role

HOST = "127.0.0.1"
DIMENSIONS = 384


def embed_by_hash(texts: Sequence[str]) -> EmbeddedTexts:
    """Vectors that are of unit length, equal for equal texts, and otherwise mean nothing; a word is a token."""
    vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
    for row, text in enumerate(texts):
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
        vectors[row] = np.random.default_rng(seed).standard_normal(DIMENSIONS)
    return EmbeddedTexts(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), [len(t.split()) for t in texts])


@dataclass(frozen=True)
class Api:
    """`key` is an admin's."""

    services: Services
    app: FastAPI
    key: str

    @property
    def home(self) -> Home:
        return self.services.home

    def create_key(self, role: Role) -> str:
        return create_key(self.home.database, role, name="a test").secret

    def open_client(self, key: str | None = None, **options: Any) -> TestClient:
        """Sends the admin's key, another one, or none with the empty string; is called by the loopback's name."""
        secret = self.key if key is None else key
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return TestClient(self.app, base_url=f"http://{HOST}", headers=headers, **options)

    @contextmanager
    def listen(self) -> Iterator[str]:
        """The address of a real server in a thread of its own, as in `http://127.0.0.1:40123`."""
        # With the protocol named: else asyncio leaves Nagle's algorithm on, and each answer waits 40 ms for an ACK.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
            listener.bind((HOST, 0))
            listener.listen(1024)
            with _run_uvicorn(self.app, listener):
                yield f"http://{HOST}:{listener.getsockname()[1]}"

    @contextmanager
    def open_sdk(self, key: str | None = None, **options: Any) -> Iterator[openai.OpenAI]:
        """The official client, which checks every answer against its types, over a real socket."""
        with (
            self.listen() as address,
            openai.OpenAI(
                base_url=f"{address}/v1",
                api_key=key or self.key,
                _strict_response_validation=True,
                **{"max_retries": 0, "timeout": httpx2.Timeout(300.0), **options},
            ) as client,
        ):
            yield client


def build_api(
    folder: Path,
    *,
    answers: Mapping[str, Script] | None = None,
    engine: Engine | None = None,
    **changes: Any,
) -> Api:
    """`answers` are a ScriptedEngine's, by the model's name; `changes` go to the settings, or to Services by name."""
    fields = {name: changes.pop(name) for name in list(changes) if name in Services.__dataclass_fields__}
    home = Home(Settings(home=lay_out_home(folder), **changes))
    spoken = engine or ScriptedEngine(answers or {"smollm2-135m": lambda messages: f"You said: {messages[-1].content}"})
    services = Services(home=home, engine=spoken, **{"embed": embed_by_hash, **fields})
    return Api(services, create_app(services), create_key(home.database, "admin", name="a test").secret)


@contextmanager
def _run_uvicorn(app: FastAPI, listener: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1)
    )
    has_started = threading.Event()

    async def serve() -> None:
        task = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        has_started.set()
        await task

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    try:
        if not has_started.wait(300):
            raise RuntimeError("the server did not start")
        yield
    finally:
        server.should_exit = True
        thread.join(300)
