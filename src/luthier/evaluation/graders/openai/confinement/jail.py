"""An order on standard input becomes a finding on standard output: the program of the process that grades by code.

Nothing of the order's code is looked at before the process is confined, and nothing outside the standard library is
needed: what the code sees in the end is what the order names.
"""

from __future__ import annotations

import ast
import json
import linecache
import math
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from luthier.evaluation.graders.openai.confinement.kernel import (
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    drop_capabilities,
    set_process_option,
)
from luthier.evaluation.graders.openai.confinement.landlock import restrict_files
from luthier.evaluation.graders.openai.confinement.namespaces import enter_own_namespaces
from luthier.evaluation.graders.openai.confinement.syscalls import forbid_everything_else

if TYPE_CHECKING:
    from types import TracebackType

FILE_NAME: Final = "grader.py"
LONGEST_DETAILS: Final = 2_000  # characters of at most six bytes each, so that a finding goes into a pipe at once
LONGEST_LINE: Final = 80
OPEN_FILES: Final = 64
NICENESS: Final = 10
MOST_KILLABLE: Final = "1000"  # of oom_score_adj: where memory ends, this goes first


def main() -> None:
    """Answers with one JSON object: `refused` says why nothing was run, `fault` what is wrong with the code, `value`
    is what the code found."""
    order = json.loads(sys.stdin.buffer.read())
    answer = _put_away_streams()
    try:
        _confine(order)
    except OSError as error:
        _finish(answer, refused=str(error))
    source = order["source"]
    _report_uncaught(answer, source)
    if order["is_check"]:
        fault = _find_fault_in(source)
        _finish(answer, value=0.0) if fault is None else _finish(answer, fault=fault)
    names: dict[str, Any] = {"__name__": "grader"}
    exec(compile(source, FILE_NAME, "exec", dont_inherit=True), names)
    if "grade" not in names:
        _finish(answer, fault="the code defines no function grade(sample, item)")
    value = names["grade"](order["sample"], order["item"])
    if not hasattr(value, "__float__"):
        _finish(answer, fault=f"grade returned {type(value).__name__}, which is no number")
    number = float(value)
    if not math.isfinite(number):
        _finish(answer, fault=f"grade returned {number}, which is no finite number")
    _finish(answer, value=number)


def _put_away_streams() -> int:
    """The code reads nothing and prints into the void. Returns the descriptor that the finding goes to."""
    answer = os.dup(1)
    void = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(void, stream)
    os.close(void)
    return answer


def _confine(order: dict[str, Any]) -> None:
    """Raises OSError, and then the code must not run."""
    Path("/proc/self/oom_score_adj").write_text(MOST_KILLABLE)
    os.nice(NICENESS)
    set_process_option(PR_SET_NO_NEW_PRIVS, 1, purpose="no_new_privs")
    _wall_off_files(order)
    drop_capabilities()
    set_process_option(PR_SET_PDEATHSIG, signal.SIGKILL, purpose="death signal")
    if os.getppid() != order["server"]:
        os._exit(1)  # died before the kernel was asked to tell
    _set_limits(order["memory_bytes"], order["seconds"])
    sys.path[:] = order["search"]
    sys.path_importer_cache.clear()
    forbid_everything_else()


def _wall_off_files(order: dict[str, Any]) -> None:
    """Every wall that this machine has. Raises OSError when there is none."""
    visible = order["visible"]
    reasons = []
    if "namespaces" in order["walls"]:
        try:
            enter_own_namespaces(visible, order["root"])
        except OSError as error:
            reasons.append(_describe(error))
    if "landlock" in order["walls"]:
        try:
            restrict_files(visible, listable=order["search"])
        except OSError as error:
            reasons.append(_describe(error))
    if len(reasons) == len(order["walls"]):
        raise OSError("; ".join(reasons))


def _describe(error: OSError) -> str:
    return error.strerror or str(error)


def _set_limits(memory_bytes: int, seconds: int) -> None:
    """The time that counts is the server's clock; that of the processor is a second wall."""
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: seconds + 1,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    for name, value in limits.items():
        _, most = resource.getrlimit(name)
        allowed = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(name, (allowed, allowed))


def _report_uncaught(answer: int, source: str) -> None:
    """Whatever the code raises ends the process, and the last that it does is to say what."""

    def report(kind: type[BaseException], error: BaseException, place: TracebackType | None) -> None:
        lines = traceback.format_exception(kind, error, _leave_out_jail(place))
        _finish(answer, fault="".join(lines)[-LONGEST_DETAILS:].strip())

    linecache.cache[FILE_NAME] = (len(source), None, source.splitlines(keepends=True), FILE_NAME)
    sys.excepthook = report


def _leave_out_jail(place: TracebackType | None) -> TracebackType | None:
    while place is not None and place.tb_frame.f_code.co_filename != FILE_NAME:
        place = place.tb_next
    return place


def _find_fault_in(source: str) -> str | None:
    """Runs nothing of it."""
    try:
        tree = ast.parse(source, FILE_NAME)
        compile(tree, FILE_NAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        line = (error.text or "").strip()[:LONGEST_LINE]
        place = f"line {error.lineno}" if error.lineno else "the code"
        return f"{place}: {error.msg}: {line}" if line else f"{place}: {error.msg}"
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "grade"]
    if not functions:
        return "the code defines no function grade(sample, item)"
    taken = functions[-1].args
    if len(taken.posonlyargs) + len(taken.args) != 2 or taken.kwonlyargs or taken.vararg or taken.kwarg:
        return "grade takes exactly two arguments, sample and item"
    return None


def _finish(answer: int, **finding: object) -> NoReturn:
    os.write(answer, json.dumps(finding).encode())
    os._exit(0)
