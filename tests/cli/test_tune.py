"""A run that is stopped or killed goes on with the same command, to the very weights of one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import QUICK, call_process, environment

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from tests.cli.conftest import Call

EPOCHS = 20
STEPS = 6 * EPOCHS  # 24 training rows in batches of 4


@pytest.fixture(scope="module")
def command(tiny_base: Base, orders: Path) -> list[str]:
    settings = ["--set", f"epochs={EPOCHS}", "--set", "batch_size=4", "--set", "r=2", "--set", "precision=float32"]
    return ["tune", str(orders), "--base", tiny_base.name, "--name", "stopped", *settings]


@pytest.fixture(scope="module")
def uninterrupted_hash(command: list[str], tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("uninterrupted")
    assert call_process(home, *command).code == 0
    return read_weights_hash(home)


@pytest.mark.parametrize(
    ("stop", "exit_code", "status"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 130, "interrupted"), (signal.SIGKILL, -9, "interrupted")],
)
def test_a_stopped_run_goes_on_to_the_same_weights(
    command: list[str], uninterrupted_hash: str, tmp_path: Path, stop: signal.Signals, exit_code: int, status: str
) -> None:
    for attempt in range(5):  # on a busy machine it may have ended before the signal comes
        home = tmp_path / str(attempt)
        code, told = stop_after_two_epochs(home, command, stop)
        if code != 0:
            break
    assert code == exit_code, told
    assert "Traceback" not in told
    (run,) = call_process(home, "runs", "--json").document["runs"]
    assert run["status"] == status
    assert call_process(home, "show", run["id"], "--json").document["run"]["status"] == status

    resumed = call_process(home, *(["tune", "--resume", run["id"]] if stop == signal.SIGKILL else command))
    assert resumed.code == 0, resumed.err
    assert f" of {STEPS}" in next(line for line in resumed.err.splitlines() if line.startswith("resumed at step "))
    assert read_weights_hash(home) == uninterrupted_hash


def test_a_finished_run_that_is_resumed_gives_its_model(call_tuned: Call) -> None:
    run = call_tuned("runs", "--json").document["runs"][0]["id"]
    again = call_tuned("tune", "--resume", run, "--json")
    assert again.document["model"] == "tiny-orders"
    assert f"{run} is finished: it made tiny-orders" in again.err


def test_there_must_be_data_or_a_run(call: Call) -> None:
    refused = call("tune")
    assert refused.code == 2
    assert "`tune` needs data, or a run to go on with" in refused.err


@pytest.mark.parametrize(
    "beside", [("orders.jsonl",), ("--set", "epochs=3"), ("--base", "smollm2-135m"), ("--dry-run",)]
)
def test_what_a_run_began_with_cannot_be_changed(call: Call, beside: tuple[str, ...]) -> None:
    refused = call("tune", *beside, "--resume", "run-0123456789ab")
    assert refused.code == 2
    assert "--resume goes on with the data and the settings that the run began with" in refused.err


def test_an_unknown_run_cannot_be_resumed(call: Call) -> None:
    refused = call("tune", "--resume", "run-0123456789ab")
    assert refused.code == 2
    assert "no run is called" in refused.err


def test_the_same_command_does_not_train_twice(call_tuned: Call, orders: Path, tiny_base: Base) -> None:
    again = call_tuned("tune", orders, "--base", tiny_base.name, "--name", "tiny-orders", *QUICK, "--json")
    assert again.document["model"] == "tiny-orders"
    assert "already" in again.err
    assert "step" not in again.err


def test_a_name_that_is_taken_is_refused(call_tuned: Call, orders: Path, tiny_base: Base) -> None:
    outcome = call_tuned("tune", orders, "--base", tiny_base.name, "--name", "tiny-orders", "--set", "r=3", "--json")
    assert (outcome.code, outcome.document["error"]["code"]) == (2, "name_taken")


def test_progress_is_told_on_stderr_and_the_result_on_stdout(call: Call, orders: Path, tiny_base: Base) -> None:
    outcome = call("tune", orders, "--base", tiny_base.name, *QUICK)
    assert "training in 6 steps" in outcome.err
    assert "step 6 of 6: loss " in outcome.err
    assert "step 6: validation loss " in outcome.err
    assert outcome.out.startswith("model orders-tiny, an adapter of ")
    assert "validation loss" in outcome.out


def stop_after_two_epochs(home: Path, command: list[str], stop: signal.Signals) -> tuple[int, str]:
    """By the second validation, the checkpoint of the first epoch is on disk."""
    process = subprocess.Popen(
        [sys.executable, "-m", "luthier", *command],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    told: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        told.append(line)
        if line.startswith("step 12: validation loss"):
            process.send_signal(stop)
    return process.wait(timeout=600), "".join(told)


def read_weights_hash(home: Path) -> str:
    found = call_process(home, "show", "stopped", "--json").document
    return str(found["manifest"]["weights_hash"])
