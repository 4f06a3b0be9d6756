"""A program that behaves like `vllm` where it is not installed: started for real, it answers with its model's name.

It imports nothing but the standard library, and runs as a script. What it is told beyond vLLM's own arguments decides
how it fails; what it was asked, it writes to its journal.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

VERSION = "0.99.1"
KNOWN_TOKENS = 2
"""Of every prompt, as if they had been in the prefix cache."""

CONTEXT_LENGTH = 512


def write_program(folder: Path) -> Path:
    """An executable that is this script."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "vllm"
    program.write_text(f"#!{sys.executable} -IS\nimport runpy\nrunpy.run_path({__file__!r}, run_name='__main__')\n")
    program.chmod(0o755)
    return program


def read_journal(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


class Fake(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.lock = Lock()
        self.completions = 0
        self.adapters: dict[str, str] = {}
        self.vocabulary = json.loads((arguments.folder / "tokenizer.json").read_text())["model"]["vocab"]
        super().__init__((arguments.host, arguments.port), Handler)

    def note(self, **entry: Any) -> None:
        if self.arguments.journal:
            with self.lock, Path(self.arguments.journal).open("a") as journal:
                journal.write(json.dumps({"pid": os.getpid(), **entry}) + "\n")


class Handler(BaseHTTPRequestHandler):
    server: Fake

    def log_message(self, format: str, *args: Any) -> None:
        """As quiet as vLLM is started."""

    def do_GET(self) -> None:
        if self.path == "/health":
            self.reply(200, b"")
        elif self.path == "/version":
            self.reply(200, {"version": VERSION})
        elif self.is_allowed() and self.path == "/v1/models":
            self.reply(200, {"object": "list", "data": list(self.list_models())})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.is_allowed():
            return
        self.server.note(path=self.path, body=body)
        if self.path == "/v1/completions":
            self.complete(body)
        elif self.path == "/v1/load_lora_adapter":
            self.load(body["lora_name"], Path(body["lora_path"]))
        elif self.path == "/v1/unload_lora_adapter":
            self.unload(body["lora_name"])

    def is_allowed(self) -> bool:
        is_allowed = self.headers["authorization"] == f"Bearer {os.environ['VLLM_API_KEY']}"
        if not is_allowed:
            self.reply(401, {"error": "Unauthorized"})
        return is_allowed

    def list_models(self) -> Any:
        base, folder = self.server.arguments.served_model_name, str(self.server.arguments.folder)
        yield {"id": base, "root": folder, "parent": None, "max_model_len": CONTEXT_LENGTH}
        for name, path in self.server.adapters.items():
            yield {"id": name, "root": path, "parent": base, "max_model_len": None}

    def load(self, name: str, folder: Path) -> None:
        rank, most = json.loads((folder / "adapter_config.json").read_text())["r"], self.server.arguments.max_lora_rank
        if os.environ.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING") != "1":
            self.refuse(404, "Not Found")
        elif name in self.server.adapters:
            self.refuse(400, f"The lora adapter '{name}' has already been loaded.")
        elif rank > most:
            self.refuse(500, f"LoRA rank {rank} is greater than max_lora_rank {most}.")
        else:
            self.server.adapters[name] = str(folder)
            self.reply(200, b"Success")

    def unload(self, name: str) -> None:
        if self.server.adapters.pop(name, None) is None:
            self.refuse(404, f"The lora adapter '{name}' cannot be found.")
        else:
            self.reply(200, b"Success")

    def complete(self, body: dict[str, Any]) -> None:
        model = body["model"]
        with self.server.lock:
            self.server.completions += 1
            is_last = self.server.completions == self.server.arguments.crash_at
        if model not in {each["id"] for each in self.list_models()}:
            self.refuse(404, f"The model `{model}` does not exist.")
            return
        self.send_response(200)
        self.end_headers()
        text = self.server.arguments.answer or model
        ids = [self.server.vocabulary[character] for character in text] + body["stop_token_ids"][:1]
        try:
            self.stream(body, ids[: body["max_tokens"]], is_last=is_last)
        except OSError:
            self.server.note(path="aborted", model=model)

    def stream(self, body: dict[str, Any], ids: list[int], *, is_last: bool) -> None:
        for place, token in enumerate(ids):
            time.sleep(self.server.arguments.token_seconds)
            ends = place == len(ids) - 1
            finish = ("stop" if token in body["stop_token_ids"] else "length") if ends else None
            choice = {"index": 0, "text": "", "token_ids": [token], "finish_reason": finish}
            if "logprobs" in body:
                top = {f"token_id:{token}": -0.5, "token_id:0": -1.5, "token_id:1": -2.5}
                choice["logprobs"] = {"tokens": ["?"], "token_logprobs": [-0.5], "top_logprobs": [top]}
            self.send_chunk({"choices": [choice]})
            if is_last:
                print("RuntimeError: the fake ran out of luck", flush=True)
                os._exit(3)
        details = {"cached_tokens": KNOWN_TOKENS}
        usage = {"prompt_tokens": len(body["prompt"]), "prompt_tokens_details": details}
        self.send_chunk({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def send_chunk(self, chunk: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def refuse(self, status: int, message: str) -> None:
        self.reply(status, {"error": {"message": message, "type": "BadRequestError", "param": None, "code": status}})

    def reply(self, status: int, body: Any) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def parse_arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    for name in ("host", "served-model-name", "dtype", "generation-config", "uvicorn-log-level", "journal", "answer"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--structured-outputs-config.backend")
    for name in ("port", "max-lora-rank", "max-loras", "max-cpu-loras", "crash-at"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("start-seconds", "token-seconds"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    for name in ("enable-lora", "enable-prompt-tokens-details", "fail-to-start", "with-worker"):
        parser.add_argument(f"--{name}", action="store_true")
    return parser.parse_args(words)


def serve(arguments: argparse.Namespace) -> None:
    worker = subprocess.Popen(["sleep", "600"]).pid if arguments.with_worker else None
    time.sleep(arguments.start_seconds)
    if arguments.fail_to_start:
        print("loading the weights\nValueError: no memory is left for the fake")
        sys.exit(1)
    server = Fake(arguments)
    server.note(
        path="started", folder=str(arguments.folder), port=arguments.port, worker=worker, environment=dict(os.environ)
    )
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        print(VERSION)
    elif sys.argv[1] == "serve":
        serve(parse_arguments(sys.argv[2:]))
