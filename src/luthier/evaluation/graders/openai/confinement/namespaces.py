"""A process that sees a file system of its own, with the paths that are named and no other, and no network at all.

It is made of unprivileged user namespaces: a new root in memory, into which what may be read is bound, then everything
turned read-only, then the old root let go.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from luthier.evaluation.graders.openai.confinement.kernel import LIBC, MountAttributes, call_kernel, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

NEW_FILES: Final = 0x00020000  # CLONE_NEWNS
NEW_CGROUP: Final = 0x02000000
NEW_UTS: Final = 0x04000000
NEW_IPC: Final = 0x08000000
NEW_USER: Final = 0x10000000
NEW_NETWORK: Final = 0x40000000
ALL_NEW: Final = NEW_FILES | NEW_CGROUP | NEW_UTS | NEW_IPC | NEW_USER | NEW_NETWORK

BIND: Final = 4096  # MS_BIND
RECURSIVE: Final = 16384  # MS_REC
PRIVATE: Final = 1 << 18  # MS_PRIVATE
LOCKED_DOWN: Final = 1 | 2 | 4  # MOUNT_ATTR_RDONLY, NOSUID, NODEV
AT_RECURSIVE: Final = 0x8000
AT_CURRENT_FOLDER: Final = -100
DETACH: Final = 2
MOUNT_SETATTR: Final = 442  # the same on all processors

NOBODY: Final = 65534
LINKS_AT_TOP: Final = ("/lib", "/lib64")
"""Are links into /usr on most systems; the loader of libraries goes through them."""


def enter_own_namespaces(visible: Iterable[str], root: str) -> None:
    """`root` is an empty folder, which nobody else sees change; `visible` are real paths of files and folders.

    Raises OSError where the machine does not let its users have namespaces.
    """
    user, group = os.geteuid(), os.getegid()
    if LIBC.unshare(ALL_NEW):
        code = ctypes.get_errno()
        raise OSError(code, f"user namespaces: {os.strerror(code)}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")
    _mount(None, "/", kind=None, flags=RECURSIVE | PRIVATE)
    _mount("tmpfs", root, kind="tmpfs", flags=0)
    for path in visible:
        _show(path, root)
    for link in LINKS_AT_TOP:
        if Path(link).is_symlink():
            Path(root + link).symlink_to(Path(link).readlink())
    _lock_down(root)
    _move_into(root)


def _show(path: str, root: str) -> None:
    target = Path(root + path)
    if Path(path).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(path, str(target), kind=None, flags=BIND | RECURSIVE)


def _lock_down(root: str) -> None:
    """The new root and all that is bound into it."""
    attributes = MountAttributes(attr_set=LOCKED_DOWN)
    call_kernel(
        MOUNT_SETATTR,
        AT_CURRENT_FOLDER,
        ctypes.c_char_p(os.fsencode(root)),
        AT_RECURSIVE,
        ctypes.byref(attributes),
        ctypes.sizeof(attributes),
        purpose="mount_setattr",
    )


def _move_into(root: str) -> None:
    """As pivot_root(2) describes it for a root without a place for the old one."""
    os.chdir(root)
    here = ctypes.c_char_p(b".")
    call_kernel(number_of(155, 41), here, here, purpose="pivot_root")
    call_kernel(number_of(166, 39), here, DETACH, purpose="umount2")
    os.chdir("/")


def _mount(source: str | None, target: str, *, kind: str | None, flags: int) -> None:
    texts = [None if text is None else ctypes.c_char_p(os.fsencode(text)) for text in (source, target, kind)]
    call_kernel(number_of(165, 40), *texts, flags, None, purpose=f"mount at {target}")
