"""llama.cpp's server as one side of the contest: this process starts it and asks it over the loopback.

    python -m generate.engines.llama_server JOB      (in the folder benchmarks)

The option `command` is the server with its arguments, `slots` how many rows it answers at once. It reads the prompts as
tokens and answers in tokens.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from socket import socket
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

from generate.job import read_job
from generate.worker import Answer, Arrivals, Engine, Stream, list_ids, take_turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from generate.job import Job, Row

LOAD_SECONDS = 120


class LlamaServer:
    def __init__(self, job: Job) -> None:
        self._port, self._slots = find_port(), job.options["slots"]
        command = [*job.options["command"], "--model", job.model, "--port", str(self._port)]
        command += ["--host", "127.0.0.1", "--parallel", str(self._slots), "--slot-save-path", job.folder]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        deadline = perf_counter() + LOAD_SECONDS
        while not self._is_healthy():
            if self.process.poll() is not None or perf_counter() > deadline:
                raise SystemExit("llama.cpp's server did not start")
            sleep(0.2)

    def answer(self, rows: Sequence[Row], options: dict[str, Any]) -> list[Answer]:
        """All rows are asked at once; those that find no slot wait within the server."""
        with ThreadPoolExecutor(len(rows)) as pool:
            return list_ids(list(pool.map(lambda row: next(self._complete(row, is_stream=False))["tokens"], rows)))

    def stream(self, row: Row) -> Stream:
        arrivals = Arrivals()
        for part in self._complete(row, is_stream=True):
            arrivals.add(len(part.get("tokens", [])))
        return arrivals.close()

    def forget(self) -> None:
        for slot in range(self._slots):
            list(self._post(f"/slots/{slot}?action=erase", {}))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()

    def _complete(self, row: Row, *, is_stream: bool) -> Iterator[dict[str, Any]]:
        return self._post(
            "/completion",
            {
                "prompt": row.ids,
                "n_predict": row.answer_tokens,
                "temperature": 0.0,
                "samplers": ["top_k"],
                "top_k": 1,
                "ignore_eos": True,
                "return_tokens": True,
                "stream": is_stream,
            },
        )

    def _post(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The answer, or each part of it as it comes."""
        connection = HTTPConnection("127.0.0.1", self._port)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                raise SystemExit(f"llama.cpp's server says {response.status}: {response.read()[:500]!r}")
            if not body.get("stream"):
                yield json.loads(response.read())
                return
            for line in response:
                if line.startswith(b"data: {"):
                    yield json.loads(line.removeprefix(b"data: "))
        finally:
            connection.close()

    def _is_healthy(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def find_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    servers: list[LlamaServer] = []

    def load(job: Job) -> Engine:
        server = LlamaServer(job)
        servers.append(server)
        return Engine(server.answer, server.stream, server.forget, server.process.pid)

    try:
        take_turns(read_job(sys.argv[1]), load)
    finally:
        for server in servers:
            server.close()


if __name__ == "__main__":
    main()
