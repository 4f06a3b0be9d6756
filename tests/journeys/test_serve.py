"""`luthier serve` in full: each of its processes may be killed at any moment, and the server goes on."""

from __future__ import annotations

import signal
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import psutil
import pytest

from tests.support.tiny import build_tokenizer, save_base
from tests.support.whole_server import PATIENCE_SECONDS, start_server, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.support.whole_server import Server

ALIAS = "gpt-tiny-2024-07-18"
PARTS = ("api", "engine", "worker")
LONG = 700
"""Tokens of an answer that has not ended when the server is asked to stop."""

ENDLESS = 30_000
"""Of one that is disturbed, however long that takes."""


@contextmanager
def serve_tiny_base(folder: Path) -> Iterator[Server]:
    base = save_base(folder / "base", max_position_embeddings=ENDLESS + 1000)
    with start_server(folder, aliases={ALIAS: base}) as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_tiny_base(tmp_path_factory.mktemp("serve")) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    with open_client(server) as client:
        yield client


def open_client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=server.said["url"], api_key=server.said["key"], max_retries=0, timeout=PATIENCE_SECONDS
    )


@contextmanager
def frozen(process: subprocess.Popen[str]) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def start_long_answer(client: openai.OpenAI, *, tokens: int = LONG) -> openai.Stream[Any]:
    """Greedy, and forbidden to end before its time."""
    return client.chat.completions.create(
        model=ALIAS,
        messages=[{"role": "user", "content": "tell me more"}],
        stream=True,
        temperature=0,
        max_tokens=tokens,
        logit_bias={str(build_tokenizer().eos_token_id): -100},
    )


def ask(client: openai.OpenAI) -> str | None:
    """Greedy, so that the same model gives the same answer."""
    answer = client.chat.completions.create(
        model=ALIAS.removesuffix("-2024-07-18"),
        messages=[{"role": "user", "content": "hi"}],
        temperature=0,
        max_tokens=12,
    )
    return answer.choices[0].message.content


def test_the_first_start_makes_a_key_for_its_owner_alone(server: Server, client: openai.OpenAI) -> None:
    path = Path(server.said["key_file"])
    assert path.read_text().strip() == server.said["key"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ALIAS in [model.id for model in client.models.list()]
    assert server.is_ready()


def test_the_api_holds_no_model_and_the_engine_no_connection_to_the_world(
    server: Server, client: openai.OpenAI
) -> None:
    assert ask(client) is not None
    libraries = {name: {Path(each.path).name for each in server.find_part(name).memory_maps()} for name in PARTS}
    assert any("torch" in name for name in libraries["engine"])
    assert not any("torch" in name for name in libraries["api"] | libraries["worker"])
    assert server.find_part("engine").net_connections("inet") == []


def test_an_engine_that_is_killed_breaks_its_answers_and_comes_back(server: Server, client: openai.OpenAI) -> None:
    before = ask(client)
    engine, api = server.find_part("engine"), server.find_part("api")
    stream = start_long_answer(client, tokens=ENDLESS)
    next(iter(stream))
    with frozen(server.process):  # so that no other one is started before everybody has missed it
        engine.kill()
        with pytest.raises(openai.APIError, match="not there"):
            list(stream)
        with pytest.raises(openai.InternalServerError) as caught:
            ask(client)
        assert caught.value.status_code == 503
        assert int(caught.value.response.headers["retry-after"]) >= 1
        assert not server.is_ready()
        assert ALIAS in [model.id for model in client.models.list()]  # what needs no engine goes on
    wait_until(server.is_ready)
    assert ask(client) == before
    assert server.find_part("api").pid == api.pid


def test_an_api_that_is_killed_breaks_its_answers_and_nobody_is_turned_away(
    server: Server, client: openai.OpenAI
) -> None:
    before = ask(client)
    engine, api = server.find_part("engine"), server.find_part("api")
    stream = start_long_answer(client, tokens=ENDLESS)
    next(iter(stream))
    api.kill()
    with pytest.raises((openai.APIError, httpx2.TransportError)):
        list(stream)
    with open_client(server) as another:
        assert ask(another) == before  # it waits until somebody answers
    assert server.find_part("engine").pid == engine.pid


def test_a_worker_that_is_killed_is_followed_by_another(server: Server) -> None:
    worker = server.find_part("worker")
    worker.kill()
    wait_until(lambda: worker.pid not in [part.pid for part in psutil.Process(server.process.pid).children()])
    wait_until(lambda: any("processes.worker" in word for word in words_of_parts(server)))
    wait_until(server.is_ready)


def words_of_parts(server: Server) -> list[str]:
    return [word for part in psutil.Process(server.process.pid).children() for word in part.cmdline()]


def test_what_is_left_alone_ends(server: Server) -> None:
    """As when the machine is short of memory and the system kills the supervisor. The last test of this server."""
    parts = psutil.Process(server.process.pid).children()
    assert len(parts) == len(PARTS)
    server.process.kill()
    assert psutil.wait_procs(parts, timeout=PATIENCE_SECONDS)[1] == []


def test_a_server_that_is_stopped_lets_answers_end_that_have_begun(tmp_path: Path) -> None:
    with serve_tiny_base(tmp_path) as server, open_client(server) as client:
        parts = psutil.Process(server.process.pid).children()
        stream = start_long_answer(client)
        chunks = [next(iter(stream))]
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_refused(server))
        chunks += list(stream)
        assert chunks[-1].choices[0].finish_reason == "length"
        assert server.process.wait(PATIENCE_SECONDS) == 0
        assert not any(part.is_running() for part in parts)


def is_refused(server: Server) -> bool:
    try:
        httpx2.get(f"{server.address}/healthz", timeout=PATIENCE_SECONDS).read()
    except httpx2.ConnectError:
        return True
    except httpx2.TransportError:
        return False
    return False
