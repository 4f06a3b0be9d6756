"""Code that grades and many cases go in, a run for each comes out: several at a time, each in a process of its own."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import TYPE_CHECKING

from luthier.evaluation.graders.openai.outcome import GraderErrors, GraderRun, fail
from luthier.evaluation.graders.openai.supervision import MOST_STOPPED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from luthier.evaluation.graders.openai.confinement.sandbox import Sandbox
    from luthier.evaluation.graders.openai.definition import PythonCode
    from luthier.evaluation.graders.openai.grading import Case
    from luthier.evaluation.graders.openai.supervision import Supervision

MOST_AT_ONCE = 4
"""Processes; each may take a core and 2 GiB of memory."""

GIVEN_UP = f"was stopped at each of the first {MOST_STOPPED} answers"


def run_code(
    grader: PythonCode, cases: Sequence[Case], sandbox: Sandbox, *, supervision: Supervision
) -> list[GraderRun]:
    """In their order. Raises IsolationMissing. Whatever it is left with, no code is running any more."""

    def run_one(case: Case) -> GraderRun:
        if supervision.is_hopeless(grader.source):
            return _write_stop(f"not run: the code {GIVEN_UP}")
        verdict = sandbox.grade(
            grader.source, sample=case.sample.to_openai(), item=case.item, halted=supervision.halted
        )
        supervision.note(grader.source, was_stopped=verdict.was_stopped)
        if verdict.fault is None:
            return GraderRun(verdict.value)
        if verdict.was_stopped:
            return _write_stop(verdict.fault)
        return fail(
            verdict.fault,
            GraderErrors(python_grader_runtime_error=True, python_grader_runtime_error_details=verdict.fault),
        )

    width = max(1, min(MOST_AT_ONCE, os.cpu_count() or 1, len(cases)))
    with ThreadPoolExecutor(width) as threads, ExitStack() as failing:
        failing.callback(supervision.halted.set)
        runs = [threads.submit(run_one, case) for case in cases]
        name = f"the code of {grader.name!r}" if grader.name else "the grader's code"
        _await_all(runs, name, supervision, seconds=sandbox.limits.seconds)
        failing.pop_all()
    if supervision.is_hopeless(grader.source):
        supervision.audience.say(f"{name} {GIVEN_UP}, and is given up")
    return [run.result() for run in runs]


def _await_all(runs: Sequence[Future[GraderRun]], name: str, supervision: Supervision, *, seconds: int) -> None:
    """Says once what is being waited for. Raises what ended one of them."""
    audience = supervision.audience
    count = audience.count_up(name, len(runs))
    waiting, has_spoken = set(runs), False
    while waiting:
        done, waiting = wait(waiting, None if has_spoken else audience.patience_seconds, return_when=FIRST_COMPLETED)
        for run in done:
            run.result()
        count(len(done))
        if not done:
            has_spoken = True
            patience = f"{audience.patience_seconds:g} s"
            audience.say(f"{name} is still at work after {patience}; it may take {seconds} s for an answer")


def _write_stop(reason: str) -> GraderRun:
    return fail(reason, GraderErrors(python_grader_server_error=True, python_grader_server_error_type=reason))
