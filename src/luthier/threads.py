"""How torch's native libraries behave, where that has to be said before torch is loaded.

Worker threads sleep while they wait for one another. By default they spin, and on a machine that does anything else
besides, the thread that spins holds the core which the other one needs: docs/decisions/0005-threads-that-sleep.md.

Caches of compiled products stay small. oneDNN and torch keep one for each shape, by default up to 1,024 of half a
megabyte; an engine, whose batches change with every step, would fill them: docs/experiments.md has the numbers.
"""

from __future__ import annotations

import os

KEPT_PRODUCTS = "256"
"""A step of a decoder needs about ten, and the shapes of the last steps come again."""

SPINS = "2000"  # some microseconds: as quick as endless spinning on an idle machine, and harmless on a busy one


def tame_native_libraries() -> None:
    """For this process; what the user has set stands."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KEPT_PRODUCTS)
    os.environ.setdefault("LRU_CACHE_CAPACITY", KEPT_PRODUCTS)
