"""The C library's memory stays in few pools, where otherwise each thread gets its own and keeps what it frees."""

from __future__ import annotations

import ctypes

M_ARENA_MAX = -8
ARENAS = 2
"""More would let threads allocate side by side, and an engine's threads mostly take turns."""


def limit_arenas() -> bool:
    """Whether the limit stands; never where the C library is not glibc, which alone knows of it.

    For a process that has few threads as yet: pools that exist stay.
    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    return set_option is not None and set_option(M_ARENA_MAX, ARENAS) == 1
