from __future__ import annotations

import sys
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from luthier.errors import IsolationMissing
from luthier.evaluation.graders.openai import coding
from luthier.evaluation.graders.openai.confinement.sandbox import Limits, Sandbox
from luthier.evaluation.graders.openai.definition import PythonCode
from luthier.evaluation.graders.openai.grading import Case
from luthier.evaluation.graders.openai.sample import read_sample
from luthier.evaluation.graders.openai.supervision import MOST_STOPPED, Audience, Supervision
from tests.support.sandboxes import HastySandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.evaluation.graders.openai.outcome import GraderRun

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="code is confined by Linux alone")


def code(body: str) -> PythonCode:
    return PythonCode(type="python", source=f"def grade(sample, item):\n    {body}")


def cases(*items: float) -> list[Case]:
    return [Case({"x": item}, read_sample(str(item))) for item in items]


LOOP = "\n        ".join(["while True:", "pass"])


def run_code(
    grader: PythonCode, cases: Sequence[Case], sandbox: Sandbox, supervision: Supervision | None = None
) -> list[GraderRun]:
    return coding.run_code(grader, cases, sandbox, supervision=supervision or Supervision())


class Listener:
    """Hears how many answers are done and what is said; `interrupts` as Ctrl-C does, when one is done."""

    def __init__(self, *, interrupts: bool = False) -> None:
        self.heard: list[str] = []
        self._interrupts = interrupts

    def count_up(self, name: str, total: int) -> Callable[[int], None]:
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            if self._interrupts:
                raise KeyboardInterrupt
            if done == total:
                self.heard.append(f"{name}: {done}")

        return count

    @property
    def supervision(self) -> Supervision:
        return Supervision(Audience(self.count_up, self.heard.append, patience_seconds=0.1))


def test_many_cases_keep_their_order() -> None:
    runs = run_code(code("return item['x'] + float(sample['output_text'])"), cases(*range(6)), Sandbox())
    assert [run.reward for run in runs] == [2.0 * each for each in range(6)]


def test_code_that_never_ends_is_given_up_after_a_few_answers() -> None:
    runs = run_code(code(LOOP), cases(*range(12)), Sandbox(Limits(seconds=1)))
    assert all(run.errors.python_grader_server_error for run in runs)
    given_up = [run for run in runs if "not run" in run.explanation]
    assert len(given_up) >= 12 - MOST_STOPPED - 4
    assert any("longer than 1 seconds" in run.explanation for run in runs)


def test_code_that_was_given_up_is_not_started_for_the_next_model() -> None:
    listener, sandbox = Listener(), Sandbox(Limits(seconds=1))
    supervision = listener.supervision
    run_code(code(LOOP), cases(1, 2), sandbox, supervision)
    runs = run_code(code(LOOP), cases(3, 4), sandbox, supervision)
    assert all(run.explanation.startswith("not run") for run in runs)
    assert run_code(code("return 1"), cases(1), Sandbox(), supervision)[0].reward == 1
    given_up = "the grader's code was stopped at each of the first 2 answers, and is given up"
    assert listener.heard[0] == "the grader's code is still at work after 0.1 s; it may take 1 s for an answer"
    assert [said for said in listener.heard if "is still at work" not in said] == [  # as often as that takes long
        "the grader's code: 2",
        given_up,
        "the grader's code: 2",
        given_up,
        "the grader's code: 1",
    ]


def test_code_ends_as_soon_as_nobody_waits_for_it() -> None:
    supervision = Supervision()
    Timer(0.2, supervision.halted.set).start()
    runs = run_code(code(LOOP), cases(*range(6)), Sandbox(Limits(seconds=30)), supervision)
    assert {run.explanation for run in runs} <= {
        "nobody waits for the code any more",
        f"not run: the code was stopped at each of the first {MOST_STOPPED} answers",
    }


def test_an_interrupt_ends_what_is_running() -> None:
    supervision = Listener(interrupts=True).supervision
    body = "return 1.0 if item['x'] else [0 for _ in iter(int, 1)]"
    with pytest.raises(KeyboardInterrupt):
        run_code(code(body), cases(1, 0, 0, 0), Sandbox(Limits(seconds=30)), supervision)
    assert supervision.halted.is_set()


def test_code_that_loops_on_some_answers_is_run_on_the_others() -> None:
    body = "return 1.0 if item['x'] % 2 else [0 for _ in iter(int, 1)]"
    runs = run_code(code(body), cases(1, 0, 1, 1, 1), HastySandbox(lambda item: not item["x"], seconds=1))
    assert [run.errors.has_any for run in runs] == [False, True, False, False, False]


@pytest.mark.parametrize(
    "body", ["import os; return os.fork()", "import socket; socket.socket(); return 1", "open('/tmp/x', 'w'); return 1"]
)
def test_forks_sockets_and_files_are_errors_of_the_code(body: str) -> None:
    (run,) = run_code(code(body), cases(1), Sandbox())
    assert run.errors.python_grader_runtime_error
    assert "Error" in run.explanation


def test_nothing_runs_where_nothing_would_stand_around_it() -> None:
    with pytest.raises(IsolationMissing):
        run_code(code("return 1"), cases(1, 2), Sandbox(walls=()))


def test_no_case_is_no_run() -> None:
    assert run_code(code("return 1"), [], Sandbox()) == []
