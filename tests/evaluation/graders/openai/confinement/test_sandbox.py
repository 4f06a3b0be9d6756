"""Code that grades gets a number out, and itself nowhere; each wall holds by itself."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from luthier.errors import IsolationMissing
from luthier.evaluation.graders.openai.confinement.sandbox import Limits, Sandbox
from luthier.evaluation.graders.openai.confinement.syscalls import ALLOWED, ALLOWED_WITH
from tests.evaluation.graders.openai.confinement import attacks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.evaluation.graders.openai.confinement.sandbox import Verdict, Wall

WORD = "planted-in-the-environment"
SOURCE = Path(attacks.__file__).read_text()
BOTH: tuple[Wall, ...] = ("namespaces", "landlock")
ALL_WALLS = [BOTH, ("namespaces",), ("landlock",)]
NEVER_FILTERED = [335, 336]
"""uretprobe and uprobe, which the kernel excepts from all filters; but for its own probes, they end a process."""

PATIENCE_SECONDS = 300
GIVE_HALF = "def grade(sample, item): return 0.5"


def is_standing(walls: tuple[Wall, ...]) -> bool:
    try:
        return Sandbox(walls=walls).grade(GIVE_HALF, sample={}, item={}).value == 0.5
    except IsolationMissing:
        return False


@pytest.fixture(scope="module", params=ALL_WALLS, ids="+".join)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """One with each wall alone, and as it is used."""
    if not is_standing(request.param):
        pytest.skip(f"this machine has no {' and no '.join(request.param)} to stand between code and files")
    return Sandbox(Limits(seconds=PATIENCE_SECONDS), walls=request.param)


@pytest.fixture(scope="module")
def usual() -> Sandbox:
    if not is_standing(BOTH):
        pytest.skip("this machine can confine no code")
    return Sandbox(Limits(seconds=PATIENCE_SECONDS))


@pytest.fixture
def prey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Things to attack: files, a listening socket, this process, and a word in its environment."""
    monkeypatch.setenv("LUTHIER_SECRET_WORD", WORD)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "victim").write_text("victim")
    with socket.create_server(("127.0.0.1", 0)) as listener, (tmp_path / "secret").open() as inherited:
        os.set_inheritable(inherited.fileno(), True)
        yield {
            "secret": str(tmp_path / "secret"),
            "victim": str(tmp_path / "victim"),
            "port": listener.getsockname()[1],
            "server": os.getpid(),
            "word": WORD,
        }


def run(sandbox: Sandbox, source: str, **item: Any) -> Verdict:
    return sandbox.grade(source, sample={"output_text": "hi"}, item=item)


def test_no_attack_gets_anywhere(sandbox: Sandbox, prey: dict[str, Any], tmp_path: Path) -> None:
    verdict = run(sandbox, SOURCE, **prey)
    assert verdict.fault is None
    assert verdict.value == len(attacks.ATTACKS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret", "victim"]
    assert (tmp_path / "secret").read_text() == "secret"


def test_the_attacks_are_real(prey: dict[str, Any]) -> None:
    """Nearly all succeed in a plain process, so that it is the sandbox that beats them off."""
    plain = subprocess.run(
        [sys.executable, "-c", "from tests.evaluation.graders.openai.confinement.attacks import main; main()"],
        input=json.dumps(prey),
        capture_output=True,
        text=True,
        close_fds=False,
        check=False,
    )
    done = set(plain.stderr.split("done: ")[-1].split())
    need_more = {"raise_own_limits", "change_python", "signal_server_by_pipe", "read_server_memory"}
    assert {attack.__name__ for attack in attacks.ATTACKS} - done <= need_more


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")
def test_every_call_that_is_not_on_the_list_is_refused(sandbox: Sandbox) -> None:
    """With all arguments 0. Stops at once where even a socket is to be had, so that nothing worse is tried."""
    listed = [numbers[0] for numbers in ALLOWED.values()] + [rule.x86_64 for rule in ALLOWED_WITH.values()]
    listed += NEVER_FILTERED
    source = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def is_refused(number):
    return libc.syscall(number, 0, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno() == errno.EPERM
def grade(sample, item):
    numbers = [41, *(n for n in range(600) if n not in item["listed"])]
    numbers += [0x40000000 + n for n in range(600) if n not in (335, 336)]  # the same calls by x32
    for number in numbers:
        if not is_refused(number):
            raise RuntimeError(f"the call {number} is let through")
    return len(numbers)
"""
    verdict = run(sandbox, source, listed=listed)
    assert verdict.fault is None
    assert verdict.value > 1_000


@pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of x86-64")
def test_calls_of_the_older_architecture_end_the_process(usual: Sandbox) -> None:
    """`int 0x80` reaches the same kernel by other numbers: 20 is getpid there and writev here."""
    source = """
import ctypes, mmap
def grade(sample, item):
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes.fromhex("b814000000cd80c3"))
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""
    verdict = run(usual, source)
    assert verdict.was_stopped
    assert verdict.fault in (
        "the code was ended by SIGSYS without a number",
        "the code was ended by SIGSEGV without a number",
    )


def test_a_grade_comes_out_of_what_went_in(usual: Sandbox) -> None:
    source = "def grade(sample, item): return len(sample['output_text']) * item['weight']"
    assert run(usual, source, weight=0.25).value == 0.5


def test_packages_for_grading_can_be_imported(usual: Sandbox) -> None:
    names = ["numpy", "scipy.stats", "rapidfuzz", "jsonschema", "pydantic", "statistics", "datetime", "ssl", "sqlite3"]
    verdict = run(usual, f"import {', '.join(names)}\ndef grade(sample, item): return numpy.float32(0.5)")
    assert verdict.fault is None
    assert verdict.value == 0.5


def test_no_other_package_can_be_imported(usual: Sandbox) -> None:
    source = """
import importlib
def grade(sample, item):
    for name in ("torch", "fastapi", "sqlalchemy", "openai", "luthier.settings"):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        raise RuntimeError(name)
    return 1
"""
    assert run(usual, source).fault is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 1 / 0", "ZeroDivisionError: division by zero"),
        ("return 'good'", "grade returned str, which is no number"),
        ("return None", "grade returned NoneType, which is no number"),
        ("return float('nan')", "grade returned nan, which is no finite number"),
        ("return [0] * 10**9 * 8", "MemoryError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return grade(sample, item)", "RecursionError"),
        ("raise ValueError('half \\ud800')", "ValueError: half ?"),
    ],
)
def test_code_that_fails_says_why(usual: Sandbox, body: str, said: str) -> None:
    verdict = run(usual, f"def grade(sample, item): {body}")
    assert said in str(verdict.fault)
    assert not verdict.was_stopped


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import os; os._exit(3)", "the code ended without a number"),
        ("import sys; sys.exit(0)", "the code ended without a number"),
        ("import ctypes; ctypes.string_at(0)", "the code was ended by SIGSEGV without a number"),
        ("import os; os.write(3, b'{\"value\": NaN}'); os._exit(0)", "the code ended without a number"),
        ("import os; os.write(3, b'[' * 60000); os._exit(0)", "the code ended without a number"),
    ],
)
def test_code_that_ends_otherwise_gives_no_number(usual: Sandbox, body: str, said: str) -> None:
    verdict = run(usual, f"def grade(sample, item):\n    {body}")
    assert verdict.fault == said
    assert verdict.was_stopped


@pytest.mark.parametrize(
    "body",
    [
        "__import__('os').write(3, b'x' * 10**6)",
        "__import__('os').close(3); __import__('time').sleep(3600)",
        "__import__('re').match('(a+)+$', 'a' * 60 + 'b')",
    ],
    ids=["floods", "falls silent", "backtracks"],
)
def test_code_does_not_outlast_its_time(body: str) -> None:
    sandbox = Sandbox(Limits(seconds=1))
    begin = time.monotonic()
    verdict = run(sandbox, f"def grade(sample, item):\n    {body}")
    assert verdict.was_stopped
    assert time.monotonic() - begin < PATIENCE_SECONDS
    assert not [child for child in list_children(os.getpid()) if "confinement.jail" in child.read_text()]


def list_children(process: int) -> list[Path]:
    """Where their commands stand."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"PPid:\t{process}\n" in (folder / "status").read_text():
                found.append(folder / "cmdline")
        except OSError:
            continue
    return found


def test_code_does_not_outlive_the_server(tmp_path: Path) -> None:
    program = """
from luthier.evaluation.graders.openai.confinement.sandbox import Sandbox
print("up", flush=True)
Sandbox().grade("import time\\ndef grade(sample, item): time.sleep(3600)", sample={}, item={})
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # a server that is killed leaves a folder of links behind
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        server.stdout.readline()
        while not (jailed := list_children(server.pid)):
            time.sleep(0.05)
        time.sleep(1)  # until it is confined, which alone asks the kernel for this
        server.kill()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(child.exists() for child in jailed):
        assert time.monotonic() < deadline, "the code goes on without its server"
        time.sleep(0.05)


def test_memory_has_an_end() -> None:
    sandbox = Sandbox(Limits(seconds=PATIENCE_SECONDS, memory_bytes=300 * 1024**2))
    verdict = run(sandbox, "def grade(sample, item): return len(bytearray(400 * 1024**2))")
    assert "MemoryError" in str(verdict.fault)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (GIVE_HALF, None),
        ("grade = lambda sample, item: 1", "the code defines no function grade(sample, item)"),
        ("def grade(sample): return 1", "grade takes exactly two arguments, sample and item"),
        ("def grade(sample, item, more=1): return 1", "grade takes exactly two arguments, sample and item"),
        ("def grade(sample, item) return 1", "line 1: expected ':': def grade(sample, item) return 1"),
        ("x = 1\nreturn x", "line 2: 'return' outside function"),
        ("import os; os._exit(1)\ndef grade(sample, item): return 1", None),
        ("x = " + "(" * 5_000 + ")" * 5_000, "too many nested parentheses"),
        ("x = " + "-" * 200_000 + "1", ""),
    ],
)
def test_code_is_checked_without_being_run(usual: Sandbox, source: str, said: str | None) -> None:
    fault = usual.check(source)
    assert fault is None if said is None else said in str(fault)


def test_without_a_wall_nothing_is_run(tmp_path: Path) -> None:
    """As on a machine whose kernel has neither namespaces for everybody nor Landlock."""
    with pytest.raises(IsolationMissing, match="nothing would stand around its code"):
        Sandbox(walls=()).grade(GIVE_HALF, sample={}, item={})


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare of util-linux is not installed")
def test_where_namespaces_are_forbidden_landlock_stands_alone(prey: dict[str, Any]) -> None:
    """In a namespace whose own limit on further ones is 0, as in a container that forbids them."""
    if not is_standing(("namespaces",)) or not is_standing(("landlock",)):
        pytest.skip("this machine has not both walls")
    program = """
import json, sys
from pathlib import Path
from luthier.errors import IsolationMissing
from luthier.evaluation.graders.openai.confinement.sandbox import Sandbox
Path("/proc/sys/user/max_user_namespaces").write_text("0")
source, item = json.load(sys.stdin)
try:
    Sandbox(walls=("namespaces",)).grade(source, sample={}, item=item)
except IsolationMissing as error:
    print(error.message)
print(Sandbox().grade(source, sample={}, item=item))
"""
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", program]
    order = json.dumps([SOURCE, prey])
    done = subprocess.run(command, input=order, capture_output=True, text=True, check=True).stdout.splitlines()
    assert done[0].endswith("user namespaces: No space left on device")
    assert done[1] == f"Verdict(value={float(len(attacks.ATTACKS))}, fault=None, was_stopped=False)"
