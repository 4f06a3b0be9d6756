from __future__ import annotations

import sys

import pytest

from luthier.errors import IsolationMissing
from luthier.evaluation.graders.openai.coding import MOST_STOPPED, run_code
from luthier.evaluation.graders.openai.confinement.sandbox import Limits, Sandbox
from luthier.evaluation.graders.openai.definition import PythonCode
from luthier.evaluation.graders.openai.grading import Case
from luthier.evaluation.graders.openai.sample import read_sample

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="code is confined by Linux alone")


def code(body: str) -> PythonCode:
    return PythonCode(type="python", source=f"def grade(sample, item):\n    {body}")


def cases(*items: float) -> list[Case]:
    return [Case({"x": item}, read_sample(str(item))) for item in items]


def test_many_cases_keep_their_order() -> None:
    runs = run_code(code("return item['x'] + float(sample['output_text'])"), cases(*range(6)), Sandbox())
    assert [run.reward for run in runs] == [2.0 * each for each in range(6)]


def test_code_that_never_ends_is_given_up_after_a_few_answers() -> None:
    runs = run_code(code("\n        ".join(["while True:", "pass"])), cases(*range(12)), Sandbox(Limits(seconds=1)))
    assert all(run.errors.python_grader_server_error for run in runs)
    given_up = [run for run in runs if "not run" in run.explanation]
    assert len(given_up) >= 12 - MOST_STOPPED - 4
    assert any("longer than 1 seconds" in run.explanation for run in runs)


def test_code_that_loops_on_some_answers_is_run_on_the_others() -> None:
    body = "return 1.0 if item['x'] % 2 else [0 for _ in iter(int, 1)]"
    runs = run_code(code(body), cases(1, 0, 1, 1, 1), Sandbox(Limits(seconds=1)))
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
