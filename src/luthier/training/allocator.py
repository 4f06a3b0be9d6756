"""Memory that a step has freed goes back to the system, which the C library does not do by itself.

Batches of ever new lengths leave gaps of ever new sizes, so that without this a long run takes ever more memory on a
CPU; docs/experiments.md has the numbers. A GPU's memory is kept by torch, and is no affair of this module.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS_BETWEEN = 8
"""Steps of a run from one call to the next: each gives back pages that the next step asks for again."""


def give_back_memory() -> bool:
    """Whether there was any to give back; never where the C library is not glibc, which alone knows how."""
    trim = _find_trim()
    return trim is not None and trim(0) == 1


@cache
def _find_trim() -> Callable[[int], int] | None:
    """https://man7.org/linux/man-pages/man3/malloc_trim.3.html; since glibc 2.8 from the middle of the heap as well."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
