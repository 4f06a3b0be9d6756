"""A process that has made its last call of that kind: a seccomp filter that lets through what computing and reading
take, and answers everything else with "not permitted".

Processes, threads, sockets, signals to others, changes to files and every rarer corner of the kernel are not in the
list, so they are gone whoever the user is. Numbers are those of the kernel's headers, x86-64 and arm64.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import sys
from typing import Final, NamedTuple

from luthier.evaluation.graders.openai.confinement.kernel import call_kernel, number_of

ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*

ALLOWED: Final[dict[str, tuple[int | None, int | None]]] = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "close": (3, 57),
    "lseek": (8, 62),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "stat": (4, None),
    "lstat": (6, None),
    "statx": (332, 291),
    "open": (2, None),
    "openat": (257, 56),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "dup": (32, 23),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "futex": (202, 98),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "getrandom": (318, 278),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
}


class Condition(NamedTuple):
    """A call that is let through where its argument of that place, from 0, is one of the values."""

    x86_64: int
    aarch64: int
    argument: int
    values: tuple[int, ...]


ALLOWED_WITH: Final = {
    # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC; F_SETOWN would send signals to whoever has the same user.
    "fcntl": Condition(72, 25, 1, (0, 1, 2, 3, 1030)),
    # TCGETS, which asks whether a file is a terminal; FIONCLEX and FIOCLEX.
    "ioctl": Condition(16, 29, 1, (0x5401, 0x5450, 0x5451)),
    # This process's own limits alone; those of the server could be lowered as well.
    "prlimit64": Condition(302, 261, 0, (0,)),
}

SECCOMP_SET_MODE_FILTER: Final = 1
RETURN_ALLOW: Final = 0x7FFF0000
RETURN_ERROR: Final = 0x00050000
RETURN_KILL: Final = 0x80000000
LOAD_WORD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
JUMP_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
RETURN: Final = 0x06  # BPF_RET | BPF_K
AT_NUMBER: Final = 0  # offsets in struct seccomp_data
AT_ARCHITECTURE: Final = 4
AT_ARGUMENTS: Final = 16


class Step(NamedTuple):
    """One instruction; `skip_if_so` and `skip_if_not` count the instructions that a comparison jumps over."""

    code: int
    value: int
    skip_if_so: int = 0
    skip_if_not: int = 0


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction))]


def forbid_everything_else() -> None:
    """From here on, for good. Needs no privilege once `no_new_privs` is set."""
    steps = build_filter(platform.machine())
    instructions = (_Instruction * len(steps))(
        *(_Instruction(step.code, step.skip_if_so, step.skip_if_not, step.value) for step in steps)
    )
    program = _Program(len(steps), instructions)
    call_kernel(number_of(317, 277), SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(program), purpose="seccomp")


def build_filter(machine: str) -> list[Step]:
    """Numbers of another architecture or of x32 are none of those compared, or end the process."""
    place = ("x86_64", "aarch64").index(machine)
    steps = [
        Step(LOAD_WORD, AT_ARCHITECTURE),
        Step(JUMP_IF_EQUAL, ARCHITECTURES[machine], skip_if_so=1),
        Step(RETURN, RETURN_KILL),
        Step(LOAD_WORD, AT_NUMBER),
    ]
    for numbers in ALLOWED.values():
        if (number := numbers[place]) is not None:
            steps += [Step(JUMP_IF_EQUAL, number, skip_if_not=1), Step(RETURN, RETURN_ALLOW)]
    for condition in ALLOWED_WITH.values():
        steps += _allow_with((condition.x86_64, condition.aarch64)[place], condition)
    return [*steps, Step(RETURN, RETURN_ERROR | errno.EPERM)]


def _allow_with(number: int, condition: Condition) -> list[Step]:
    """Looks at the argument's lower half: the kernel takes a command as 32 bits, and so a process id."""
    half = 0 if sys.byteorder == "little" else 4
    checks = [Step(LOAD_WORD, AT_ARGUMENTS + 8 * condition.argument + half)]
    for value in condition.values:
        checks += [Step(JUMP_IF_EQUAL, value, skip_if_not=1), Step(RETURN, RETURN_ALLOW)]
    checks.append(Step(RETURN, RETURN_ERROR | errno.EPERM))
    return [Step(JUMP_IF_EQUAL, number, skip_if_not=len(checks)), *checks]
