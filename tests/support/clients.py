"""What the official clients are tested against and with: a whole server, a tutorial's files, and where Node and LiteLLM
have been installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.engine.tools.templates import HERMES, build_tool_template
from tests.support.orders import order_conversation
from tests.support.tiny import build_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.support.webhook_receiver import WebhookReceiver
    from tests.support.whole_server import Server

CLIENTS = Path(os.environ.get("LUTHIER_TEST_CLIENTS") or Path(sys.prefix) / "clients")
"""Where `make test` installs the clients that cannot live beside Luthier."""

SNAPSHOT = "gpt-4o-mini-2024-07-18"
ALIAS = "gpt-4o-mini"
EMBEDDING_ALIAS = "text-embedding-3-small"
TRAINING_ROWS, HELD_OUT_ROWS = range(24), range(24, 28)
SCRIPT_SECONDS = 240


class Tutorial(NamedTuple):
    """A server that stands for OpenAI's, and the files that one who follows a tutorial has on the disk."""

    server: Server
    webhooks: WebhookReceiver
    folder: Path

    @property
    def url(self) -> str:
        return str(self.server.said["url"])

    @property
    def key(self) -> str:
        return str(self.server.said["key"])

    @property
    def training_data(self) -> Path:
        return self.folder / "training-data.jsonl"

    @property
    def held_out(self) -> Path:
        return self.folder / "test-data.jsonl"

    @property
    def webhook_secret(self) -> str:
        return (self.folder / "home" / "keys" / "webhook_secret").read_text().strip()

    def run(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Among the files, with what the official clients read from their environment and nothing else of OpenAI's."""
        others = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LUTHIER_"))}
        own = {"OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": self.key, **variables}
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env={**others, **own},
            capture_output=True,
            text=True,
            timeout=SCRIPT_SECONDS,
            check=False,
        )


def write_tutorial_files(folder: Path) -> None:
    write_orders(folder / "training-data.jsonl", TRAINING_ROWS)
    write_orders(folder / "test-data.jsonl", HELD_OUT_ROWS)


def write_orders(path: Path, indices: Iterable[int]) -> None:
    path.write_text("".join(f"{json.dumps(order_conversation(index).to_openai())}\n" for index in indices))


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def save_tool_base(folder: Path) -> Path:
    """Tiny and random; its template knows tools."""
    template = build_tool_template(HERMES)
    build_model(vocab_size=len(template.tokenizer)).save_pretrained(folder)
    template.tokenizer.save_pretrained(folder)
    return folder


def describe_webhook(headers: Mapping[str, str], body: bytes, secret: str) -> str:
    return json.dumps({"headers": dict(headers), "body": body.decode(), "secret": secret})
