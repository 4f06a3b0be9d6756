"""Code that grades and many cases go in, a run for each comes out: several at a time, each in a process of its own."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

from luthier.evaluation.graders.openai.outcome import GraderErrors, GraderRun, fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.graders.openai.confinement.sandbox import Sandbox
    from luthier.evaluation.graders.openai.definition import PythonCode
    from luthier.evaluation.graders.openai.grading import Case

MOST_AT_ONCE = 4
"""Processes; each may take a core and 2 GiB of memory."""

MOST_STOPPED = 3
"""Cases at which code that never ended by itself is given up: at two minutes each, hundreds would take a night."""


def run_code(grader: PythonCode, cases: Sequence[Case], sandbox: Sandbox) -> list[GraderRun]:
    """In their order. Raises IsolationMissing."""
    record = _Record()

    def run_one(case: Case) -> GraderRun:
        if record.is_hopeless:
            reason = f"not run: the code was stopped at each of the first {MOST_STOPPED} answers"
            return _write_stop(reason)
        verdict = sandbox.grade(grader.source, sample=case.sample.to_openai(), item=case.item)
        record.note(was_stopped=verdict.was_stopped)
        if verdict.fault is None:
            return GraderRun(verdict.value)
        if verdict.was_stopped:
            return _write_stop(verdict.fault)
        return fail(
            verdict.fault,
            GraderErrors(python_grader_runtime_error=True, python_grader_runtime_error_details=verdict.fault),
        )

    with ThreadPoolExecutor(max(1, min(MOST_AT_ONCE, os.cpu_count() or 1, len(cases)))) as threads:
        return list(threads.map(run_one, cases))


class _Record:
    """Whether the code has ever come to an end."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stopped = 0
        self._has_ended = False

    @property
    def is_hopeless(self) -> bool:
        return not self._has_ended and self._stopped >= MOST_STOPPED

    def note(self, *, was_stopped: bool) -> None:
        with self._lock:
            self._stopped += was_stopped
            self._has_ended = self._has_ended or not was_stopped


def _write_stop(reason: str) -> GraderRun:
    return fail(reason, GraderErrors(python_grader_server_error=True, python_grader_server_error_type=reason))
