"""The few calls to the kernel that Python has no function for, each raising OSError with what it was for."""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_NO_NEW_PRIVS: Final = 38
CAPABILITY_VERSION: Final = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: 64 capabilities in two halves

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long


class MountAttributes(ctypes.Structure):
    """struct mount_attr of mount_setattr(2)."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def call_kernel(number: int, *arguments: object, purpose: str) -> int:
    """Numbers go over as C longs, so that no half of a register is left to chance."""
    ready = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = LIBC.syscall(ctypes.c_long(number), *ready)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{purpose}: {os.strerror(code)}")
    return result


def number_of(x86_64: int, aarch64: int) -> int:
    """Raises OSError for a processor whose numbers are not known here."""
    numbers = {"x86_64": x86_64, "aarch64": aarch64}
    machine = platform.machine()
    if machine not in numbers:
        raise OSError(f"the calls of {machine} processors are not known")
    return numbers[machine]


def set_process_option(option: int, value: int, *, purpose: str) -> None:
    call_kernel(number_of(157, 167), option, value, 0, 0, 0, purpose=purpose)


def drop_capabilities() -> None:
    """Of this process, also those that a new user namespace gives it over itself."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    call_kernel(number_of(126, 91), header, nothing, purpose="capset")
