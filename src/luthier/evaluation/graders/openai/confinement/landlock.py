"""A process that can open the files that are named and no other: Landlock, which needs no privilege.

It stands beside the namespaces of their own, and for them where an administrator or a container runtime forbids those.
Numbers and structures are those of linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import stat
from typing import TYPE_CHECKING, Final

from luthier.evaluation.graders.openai.confinement.kernel import call_kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

CREATE_RULESET: Final = 444  # the same on all processors, as are the next two
ADD_RULE: Final = 445
RESTRICT_SELF: Final = 446
ASK_VERSION: Final = 1
PATH_BENEATH: Final = 1
READ_FILE: Final = 1 << 2
READ_FOLDER: Final = 1 << 3

OLDEST_VERSION: Final = 3
"""Linux 6.2: before it, a file that cannot be opened for writing can still be cut to nothing."""

FILE_RIGHTS: Final = {3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1, 6: (1 << 16) - 1}
"""All that a version knows of; what is not granted below is denied."""

NETWORK_RIGHTS: Final = 0b11  # bind and connect by TCP, from version 4 on
SCOPES: Final = 0b11  # abstract sockets of others and signals to them, from version 6 on


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "network", "scopes")]


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


SIZES: Final = {3: 8, 4: 16, 5: 16, 6: 24}
"""Bytes of the structure that a version knows."""


def restrict_files(readable: Iterable[str], *, listable: Iterable[str]) -> None:
    """`readable` are files, and folders with everything below; of those in `listable`, nothing but the names below.

    Raises OSError where the kernel has no Landlock, or too old a one.
    """
    version = call_kernel(CREATE_RULESET, None, 0, ASK_VERSION, purpose="Landlock")
    if version < OLDEST_VERSION:
        raise OSError(f"Landlock: version {version} of the kernel is older than {OLDEST_VERSION}")
    known = min(version, max(SIZES))
    rules = _Ruleset(FILE_RIGHTS[known], NETWORK_RIGHTS, SCOPES)
    ruleset = call_kernel(CREATE_RULESET, ctypes.byref(rules), SIZES[known], 0, purpose="Landlock")
    for path in readable:
        _grant(ruleset, path, READ_FILE | READ_FOLDER)
    for path in listable:
        _grant(ruleset, path, READ_FOLDER)
    call_kernel(RESTRICT_SELF, ruleset, 0, purpose="Landlock")
    os.close(ruleset)


def _grant(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    is_folder = stat.S_ISDIR(os.fstat(place).st_mode)
    rule = _PathRule(rights if is_folder else rights & ~READ_FOLDER, place)
    call_kernel(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0, purpose=f"Landlock for {path}")
    os.close(place)
