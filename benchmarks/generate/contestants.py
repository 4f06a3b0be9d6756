"""Who takes part, by which program, with which settings, and which tasks they are given in turn."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from generate.models import export_gguf, export_openvino, make_adapters
from generate.peers import find_llama_server, list_preloads, prepare_peer, read_versions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CORES = os.cpu_count() or 1
ADAPTERS = 8

STATIC_SIZES = (8, 16, 32, 48, 64)
BEST_STATIC = 32
"""Not settled: `--search` compares; 40 and 20 were within 4 percent of each other. So are the settings below."""

CONTINUOUS = {
    f"{rows} rows, pages of {page}": {
        "num_blocks": 160 * 256 // page,
        "page_size": page,
        "max_batch_tokens": tokens,
        "max_requests_per_batch": rows,
    }
    for rows, page, tokens in ((4, 32, 256), (8, 32, 512), (16, 32, 512), (32, 32, 512), (16, 256, 512))
}
BEST_CONTINUOUS = "16 rows, pages of 32"

VLLM = {"max_model_len": 1024, "max_num_seqs": 64, "max_num_batched_tokens": 1024, "enable_prefix_caching": True}
VLLM_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "2",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else it keeps one core for itself
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "KMP_BLOCKTIME": "5",  # milliseconds, as it sets it where it binds threads itself
    "KMP_TPAUSE": "0",
}

OPENVINO = {
    "scheduler": {
        "max_num_batched_tokens": 1024,
        "max_num_seqs": 64,
        "enable_prefix_caching": True,
        "dynamic_split_fuse": True,
        "cache_size": 2,  # GiB
    },
    "properties": {
        "INFERENCE_PRECISION_HINT": "bf16",
        "KV_CACHE_PRECISION": "bf16",
        "INFERENCE_NUM_THREADS": CORES,
    },
}

LLAMA_SLOTS = 32
LLAMA_ROW_TOKENS = 512
LLAMA = ["--threads", str(CORES), "--ctx-size", str(LLAMA_SLOTS * LLAMA_ROW_TOKENS), "--no-ui"]
LLAMA += ["--cache-ram", "0", "--log-disable"]


class Task(NamedTuple):
    """`name` says what is timed. `at_most` so many rounds have it, and a quick run gives a slow one fewer rows; of a
    search, one in `every` rows is answered."""

    name: str
    kind: str = "answer"
    options: Mapping[str, Any] = MappingProxyType({})
    every: int = 1
    at_most: int = 1000
    is_slow: bool = False


@dataclass(frozen=True)
class Contestant:
    """`module` is run by `python`, which need not be the Python of the benchmark, on the model in `model`."""

    name: str
    python: Path | str
    module: str
    model: Path
    tasks: tuple[Task, ...]
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


STREAM = Task("stream", "stream")


def enter_luthier(model: Path, peers: Path) -> Contestant:
    adapters = make_adapters(model, ADAPTERS)
    numbers = [str(number) for number in range(ADAPTERS)]
    tasks = (
        Task("luthier"),
        Task("one adapter", options={"models": ["0"]}),
        Task("eight adapters", options={"models": numbers}),
        STREAM._replace(name="luthier, alone"),
    )
    options = {"adapters": list(map(str, adapters))}
    return Contestant("luthier", sys.executable, "generate.engines.luthier", model, tasks, options)


def enter_static(model: Path, peers: Path) -> Contestant:
    best = {"batch_size": BEST_STATIC}
    tasks = (
        Task("static", options=best),
        STREAM._replace(name="static, alone"),
        Task("static, prompt shared by hand", options={**best, "shares_prefix": True}, at_most=1),
        Task("static, lengths foreseen", options={**best, "foresees": True}, at_most=1),
    )
    return Contestant("static", sys.executable, "generate.engines.transformers_static", model, tasks)


def enter_continuous(model: Path, peers: Path) -> Contestant:
    task = Task("continuous", options={"batching": CONTINUOUS[BEST_CONTINUOUS]}, at_most=2, is_slow=True)
    return Contestant("continuous", sys.executable, "generate.engines.transformers_continuous", model, (task,))


def enter_vllm(model: Path, peers: Path) -> Contestant:
    python = prepare_peer("vllm", peers)
    environment = {
        **VLLM_ENVIRONMENT,
        "LD_PRELOAD": ":".join(list_preloads(python)),
        "VLLM_CACHE_ROOT": str(peers / "vllm-cache"),
    }
    return Contestant(
        "vllm-cpu",
        python,
        "generate.engines.vllm_cpu",
        model,
        (Task("vllm-cpu"), STREAM._replace(name="vllm-cpu, alone")),
        {"arguments": VLLM},
        environment,
        read_versions("vllm", python),
    )


def enter_openvino(model: Path, peers: Path) -> Contestant:
    python = prepare_peer("openvino", peers)
    return Contestant(
        "openvino",
        python,
        "generate.engines.openvino_genai",
        export_openvino(model, python),
        (Task("openvino"), STREAM._replace(name="openvino, alone")),
        OPENVINO,
        versions=read_versions("openvino", python),
    )


def enter_llama(model: Path, peers: Path) -> Contestant:
    python = prepare_peer("llama", peers)
    gguf = export_gguf(model, prepare_peer("openvino", peers), peers)
    return Contestant(
        "llama.cpp",
        python,
        "generate.engines.llama_server",
        gguf,
        (Task("llama.cpp"), STREAM._replace(name="llama.cpp, alone")),
        {"slots": LLAMA_SLOTS, "command": [str(find_llama_server(python)), *LLAMA]},
        versions=read_versions("llama", python),
    )


ENTRIES = {
    "luthier": enter_luthier,
    "static": enter_static,
    "continuous": enter_continuous,
    "vllm-cpu": enter_vllm,
    "openvino": enter_openvino,
    "llama.cpp": enter_llama,
}
"""In the order of their turns."""


def enter_search(model: Path) -> list[Contestant]:
    """transformers in all the ways that were tried to find its best."""
    sizes = tuple(Task(f"batches of {size}", options={"batch_size": size}, every=4) for size in STATIC_SIZES)
    ways = tuple(Task(name, options={"batching": batching}, every=8) for name, batching in CONTINUOUS.items())
    return [
        Contestant("static", sys.executable, "generate.engines.transformers_static", model, sizes),
        Contestant("continuous", sys.executable, "generate.engines.transformers_continuous", model, ways),
    ]


def enter_exact(model: Path) -> list[Contestant]:
    """Both in float32, each row of transformers by itself, to compare what they answer."""
    alone = Task("answers", options={"batch_size": 1})
    return [
        Contestant("luthier", sys.executable, "generate.engines.luthier", model, (alone,), {"precision": "float32"}),
        Contestant(
            "static", sys.executable, "generate.engines.transformers_static", model, (alone,), {"dtype": "float32"}
        ),
    ]
