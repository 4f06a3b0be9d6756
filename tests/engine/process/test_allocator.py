"""The C library is told once to keep its memory in few pools."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from luthier.engine.process.allocator import ARENAS

COUNT_ARENAS = """
import ctypes, threading
from luthier.engine.process.allocator import limit_arenas
if {is_limited}:
    assert limit_arenas()
together = threading.Barrier(8)
def use_memory():
    library = ctypes.CDLL(None)
    library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    kept = library.malloc(1000)
    together.wait()
    library.free(kept)
threads = [threading.Thread(target=use_memory) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""


def count_arenas(*, is_limited: bool) -> int:
    """That the C library made for eight threads, by its own word."""
    program = [sys.executable, "-c", COUNT_ARENAS.format(is_limited=is_limited)]
    said = subprocess.run(program, capture_output=True, text=True, check=True).stderr
    return len(re.findall(r"^Arena \d+:", said, re.MULTILINE))


@pytest.mark.skipif("linux" not in sys.platform, reason="asks glibc")
def test_threads_share_few_pools() -> None:
    assert count_arenas(is_limited=True) <= ARENAS < count_arenas(is_limited=False)
