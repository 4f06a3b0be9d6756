"""A base and what is wanted of it become the command line and the environment of `vllm serve`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from luthier.errors import EngineUnavailable
from luthier.settings import build_environment

if TYPE_CHECKING:
    from luthier.engine.vllm.options import VllmOptions
    from luthier.models.catalog import Base

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The highest ranks that vLLM can be started for; it takes every lower one too. Its 1 is left out: 8 costs no more."""

USUAL_RANK = 16
"""That of adapters that Luthier trains unless told otherwise, so that the first of them needs no other start."""

GIB = 2**30
MEMORY_FRACTION = 0.25
"""Of the free memory, for keys and values where there is no GPU: vLLM would take nearly all of it and starts only when
that is free."""

VERSION = re.compile(r"\d+\.\d+\S*")
VERSION_SECONDS = 300.0
"""vLLM loads all its libraries to tell its version: ten seconds where they are in the disk's cache."""

INSTALL_HINT = "install vLLM in an environment of its own and set vllm_command to its path, or leave out --engine vllm"


def find_command(options: VllmOptions) -> Path:
    """Raises EngineUnavailable when there is no such program."""
    found = shutil.which(Path(options.command).expanduser())
    if found is None:
        raise EngineUnavailable(f"there is no program {options.command!r} to start vLLM with", hint=INSTALL_HINT)
    return Path(found).absolute()


def read_version(command: Path) -> str:
    """What the program says, such as `0.32.0+cpu`. Raises EngineUnavailable when it says nothing of the kind."""
    try:
        ran = subprocess.run(
            [str(command), "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
            env=build_environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineUnavailable(f"{command} cannot be run: {error}", hint=INSTALL_HINT) from error
    last = ran.stdout.strip().rpartition("\n")[2]
    version = VERSION.search(last)
    if ran.returncode or version is None:
        said = (ran.stderr or ran.stdout).strip().rpartition("\n")[2]
        raise EngineUnavailable(f"{command} --version failed: {said}", hint=INSTALL_HINT)
    return version[0]


def choose_rank(rank: int) -> int:
    """The lowest rank to start vLLM for that takes adapters of `rank` and the usual ones."""
    return next(allowed for allowed in RANKS if allowed >= max(rank, USUAL_RANK))


def build_arguments(base: Base, options: VllmOptions, *, port: int, dtype: str, rank: int) -> list[str]:
    """Behind the program's name. What the user gives comes last, where vLLM lets it win.

    The key is not among them: command lines can be read by everybody on the machine.
    """
    chosen = {
        "host": "127.0.0.1",
        "port": port,
        "served-model-name": base.name,
        "dtype": dtype,
        "max-lora-rank": rank,
        "max-loras": options.adapters_at_once,
        "max-cpu-loras": options.adapters_kept,
        "structured-outputs-config.backend": "guidance",
        "generation-config": "vllm",
        "uvicorn-log-level": "warning",
    }
    named = [word for name, value in chosen.items() for word in (f"--{name}", str(value))]
    return ["serve", str(base.folder), *named, "--enable-lora", "--enable-prompt-tokens-details", *options.arguments]


def build_server_environment(key: str, *, device: str) -> dict[str, str]:
    """What the user has set for the size of the memory stands; the rest is ours."""
    gibibytes = max(1, int(psutil.virtual_memory().available * MEMORY_FRACTION / GIB))
    own = {
        "VLLM_API_KEY": key,
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return build_environment(own, defaults={"VLLM_CPU_KVCACHE_SPACE": str(gibibytes)} if device == "cpu" else {})
