"""What code would do that wants out, to be run confined and, to see that the attacks are real, unconfined.

This is a grader's source itself: `grade` names in its error whatever it could do. `item` says what there is to attack.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Attack = Callable[[dict[str, Any]], object]


def read_secret(item: dict[str, Any]) -> None:
    Path(item["secret"]).read_text()


def read_secret_by_link(item: dict[str, Any]) -> None:
    Path("/proc/self/root", item["secret"].lstrip("/")).read_text()


def read_secret_by_server(item: dict[str, Any]) -> None:
    Path(f"/proc/{item['server']}/root", item["secret"].lstrip("/")).read_text()


def read_server_environment(item: dict[str, Any]) -> None:
    Path(f"/proc/{item['server']}/environ").read_bytes()


def read_own_environment(item: dict[str, Any]) -> None:
    Path("/proc/self/environ").read_bytes()


def read_users(item: dict[str, Any]) -> None:
    Path("/etc/passwd").read_text()


def list_folder_of_secret(item: dict[str, Any]) -> None:
    next(Path(item["secret"]).parent.iterdir())


def list_processes(item: dict[str, Any]) -> None:
    next(Path("/proc").iterdir())


def climb(item: dict[str, Any]) -> None:
    Path("/".join([".."] * 40), item["secret"].lstrip("/")).read_text()


def change_secret(item: dict[str, Any]) -> None:
    with Path(item["secret"]).open("a") as file:
        file.write("x")


def empty_secret(item: dict[str, Any]) -> None:
    os.truncate(item["victim"], 0)


def change_rights(item: dict[str, Any]) -> None:
    Path(item["victim"]).chmod(0o777)


def change_times(item: dict[str, Any]) -> None:
    os.utime(item["victim"], (0, 0))


def rename(item: dict[str, Any]) -> None:
    Path(item["victim"]).rename(item["victim"] + "-renamed")


def remove(item: dict[str, Any]) -> None:
    Path(item["victim"] + "-renamed").unlink()


def write_beside(item: dict[str, Any]) -> None:
    Path(item["secret"] + "-new").write_text("x")


def make_folder(item: dict[str, Any]) -> None:
    Path(item["secret"] + "-folder").mkdir()


def make_link(item: dict[str, Any]) -> None:
    Path(item["secret"] + "-link").symlink_to("/etc/passwd")


def write_temporary(item: dict[str, Any]) -> None:
    Path("/tmp", f"luthier-attack-{os.getpid()}").write_text("x")
    Path("/tmp", f"luthier-attack-{os.getpid()}").unlink()


def write_shared_memory(item: dict[str, Any]) -> None:
    Path("/dev/shm", f"luthier-attack-{os.getpid()}").write_text("x")
    Path("/dev/shm", f"luthier-attack-{os.getpid()}").unlink()


def change_python(item: dict[str, Any]) -> None:
    with Path(os.__file__).open("a"):
        pass


def connect(item: dict[str, Any]) -> None:
    socket.create_connection(("127.0.0.1", item["port"]), timeout=2).close()


def open_local_socket(item: dict[str, Any]) -> None:
    socket.socket(socket.AF_UNIX).close()


def open_socket_pair(item: dict[str, Any]) -> None:
    for end in socket.socketpair():
        end.close()


def open_datagram_socket(item: dict[str, Any]) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def fork(item: dict[str, Any]) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def start_program(item: dict[str, Any]) -> None:
    subprocess.run(["/bin/true"], check=True)


def start_thread(item: dict[str, Any]) -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def signal_server(item: dict[str, Any]) -> None:
    os.kill(item["server"], 0)


def signal_group(item: dict[str, Any]) -> None:
    os.killpg(os.getpgrp(), 0)


def signal_server_by_pipe(item: dict[str, Any]) -> None:
    fcntl.fcntl(1, fcntl.F_SETOWN, item["server"])


def limit_server(item: dict[str, Any]) -> None:
    import resource

    resource.prlimit(item["server"], resource.RLIMIT_NOFILE)


def slow_server(item: dict[str, Any]) -> None:
    os.setpriority(os.PRIO_PROCESS, item["server"], os.getpriority(os.PRIO_PROCESS, item["server"]))


def read_server_memory(item: dict[str, Any]) -> None:
    Path(f"/proc/{item['server']}/mem").open("rb").close()


def raise_own_limits(item: dict[str, Any]) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))


def use_inherited_files(item: dict[str, Any]) -> None:
    """Standard streams and the answer's pipe are all that there is."""
    found = []
    for descriptor in range(3, 64):
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if mode & 0o170000 != 0o010000:
            found.append(descriptor)
    if not found:
        raise OSError("nothing but pipes")


def see_servers_environment(item: dict[str, Any]) -> None:
    if not any(item["word"] in value for value in os.environ.values()):
        raise OSError("the word is not there")


def keep_anonymous_file(item: dict[str, Any]) -> None:
    os.close(os.memfd_create("x"))


def watch_files(item: dict[str, Any]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.inotify_init() < 0:
        raise OSError(ctypes.get_errno(), "inotify")


ATTACKS: tuple[Attack, ...] = tuple(
    value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", None) == __name__ and name != "Attack"
)


def grade(sample: Any, item: dict[str, Any]) -> float:
    """How many attacks were beaten off."""
    done = []
    for attack in ATTACKS:
        try:
            attack(item)
        except (OSError, ValueError, RuntimeError):
            continue
        done.append(attack.__name__)
    if done:
        raise RuntimeError(f"done: {' '.join(done)}")
    return float(len(ATTACKS))


def main() -> None:
    """Unconfined, with the item on standard input."""
    import json

    grade({}, json.loads(sys.stdin.read()))
