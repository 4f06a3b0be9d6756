"""Settings become what is known of vLLM before it is started: its command or its address, and how much it holds."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from luthier.errors import InvalidConfig

if TYPE_CHECKING:
    from luthier.models.settings import Precision
    from luthier.settings import Settings

DECIDED = frozenset(
    {
        *("--model", "--served-model-name", "--tokenizer", "--dtype", "--host", "--port", "--uds", "--api-key"),
        *("--root-path", "--ssl-keyfile", "--ssl-certfile", "--trust-remote-code"),
    }
)
"""Arguments without which what is asked would not be what answers, or could not be reached."""

NO_KEY = SecretStr("")


@dataclass(frozen=True)
class VllmOptions:
    """Without a `url`, servers are started with `command` and `arguments`, at most `servers` of them at once.

    One server keeps `adapters_kept` adapters in memory, and computes with `adapters_at_once` of them in one batch.
    """

    command: str = "vllm"
    arguments: tuple[str, ...] = ()
    url: str = ""
    key: SecretStr = NO_KEY
    precision: Precision = "auto"
    startup_seconds: float = 900.0
    servers: int = 1
    adapters_at_once: int = 4
    adapters_kept: int = 32
    requests_in_flight: int = 256


def read_options(settings: Settings) -> VllmOptions:
    """Raises InvalidConfig for arguments with an open quotation mark, or that are not to be chosen."""
    try:
        arguments = tuple(shlex.split(settings.vllm_arguments))
    except ValueError as error:
        raise InvalidConfig(
            f"setting 'vllm_arguments': {error}", hint="write them as in a shell, such as --max-num-seqs 64"
        ) from error
    if taken := next((word for word in arguments if word.partition("=")[0] in DECIDED), None):
        raise InvalidConfig(
            f"setting 'vllm_arguments': {taken.partition('=')[0]} is decided by Luthier", hint="leave it out"
        )
    return VllmOptions(
        command=settings.vllm_command,
        arguments=arguments,
        url=settings.vllm_url,
        key=settings.vllm_key,
        startup_seconds=settings.vllm_startup_seconds,
        servers=settings.vllm_servers,
    )
