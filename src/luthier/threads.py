"""Torch's worker threads learn to sleep while they wait for one another, which has to be said before torch is loaded.

By default they spin. On a machine that does anything else besides, the thread that spins holds the core which the other
one needs: docs/decisions/0005-threads-that-sleep.md has the numbers.
"""

from __future__ import annotations

import os

SPINS = "2000"  # some microseconds: as quick as endless spinning on an idle machine, and harmless on a busy one


def let_threads_sleep() -> None:
    """Sets OpenMP's wait policy for this process; what the user has set stands."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
