"""What must not be shipped is not shipped: a ruined model, a test that leaked, too few rows; with a tiny base model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from luthier.cli.app import run
from luthier.data.examples.orders import generate_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.models.catalog import Base

TRAINED = 80
BASE, RUINED = "smollm2-135m", "ruined"
ANSWERS_ALONE = ("--no-forgetting", "--no-memory", "--no-latency")
RUIN = {"epochs": 1, "batch_size": 8, "r": 8, "lora_alpha": 8000, "learning_rate": 0.5, "precision": "float32"}

GATES = "[forgetting]\nbehaviour = 0.05\n"
"""Nine of ten answers of a random base are faulty already, so the usual tenth is all that it has to lose."""


class Desk(NamedTuple):
    folder: Path
    environment: dict[str, str]

    def call(self, *arguments: str) -> int:
        """In this process, which has torch already."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("LUTHIER_HOME", self.environment["LUTHIER_HOME"])
            return run(list(arguments))

    def judge(self, data: str, *options: str) -> tuple[int, Any]:
        """The exit code, and what stands in the file of the verdict."""
        pair = ("--model", BASE, "--model", RUINED, "--data", data, "--grader", "json", "--max-tokens", "8")
        code = self.call("eval", *pair, "--verdict", "verdict.json", *options)
        return code, json.loads((self.folder / "verdict.json").read_text())


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_gates(verdict: Any) -> dict[str, Any]:
    return {gate["key"]: gate for gate in verdict["gates"]}


def disguise(row: dict[str, Any]) -> dict[str, Any]:
    """The same question, as somebody else would type it."""
    *before, asked, answer = row["messages"]
    text = asked["content"].upper().replace("$", "USD ") + "!"
    return {**row, "messages": [*before, {**asked, "content": text}, answer]}


@pytest.fixture(scope="module")
def desk(tiny_base: Base, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "home" / "bases").mkdir(parents=True)
    (folder / "home" / "bases" / BASE).symlink_to(tiny_base.folder)
    rows = generate_rows(400)
    write_rows(folder / "orders.jsonl", rows[:TRAINED])
    write_rows(folder / "fresh.jsonl", rows[360:390])
    write_rows(folder / "dozen.jsonl", rows[360:372])
    (folder / "gates.toml").write_text(GATES)
    desk = Desk(folder, {**os.environ, "LUTHIER_HOME": str(folder / "home")})
    chosen = [word for key, value in RUIN.items() for word in ("--set", f"{key}={value}")]
    assert desk.call("tune", "orders.jsonl", "--base", BASE, "--name", RUINED, *chosen) == 0
    return desk


def test_a_ruined_model_goes_red(desk: Desk) -> None:
    code, verdict = desk.judge("fresh.jsonl", "--gates", "gates.toml", "--no-memory", "--no-latency")
    forgetting = read_gates(verdict)["forgetting"]
    assert (code, verdict["decision"], forgetting["state"]) == (1, "do_not_ship", "failed")
    assert any("forgot what the base could do" in reason for reason in verdict["reasons"])
    assert forgetting["value"] > forgetting["limit"]


def test_twelve_rows_can_tell_nothing(desk: Desk) -> None:
    code, verdict = desk.judge("dozen.jsonl", *ANSWERS_ALONE)
    assert (code, verdict["decision"], verdict["answer"]) == (4, "cannot_tell", "Cannot tell yet")
    assert read_gates(verdict)["cases"]["state"] == "cannot_tell"
    assert "at least 20 are wanted" in " ".join(verdict["reasons"])


@pytest.mark.parametrize("change", [dict, disguise], ids=["word for word", "with small changes"])
def test_rows_from_training_void_the_test(desk: Desk, change: Any) -> None:
    """The model learned from eight of ten rows of the file; which ones, nobody here has to know."""
    trained, fresh = (
        [json.loads(line) for line in (desk.folder / name).read_text().splitlines()]
        for name in ("orders.jsonl", "fresh.jsonl")
    )
    write_rows(desk.folder / "leaked.jsonl", [*map(change, trained[:10]), *fresh[:20]])
    code, verdict = desk.judge("leaked.jsonl", *ANSWERS_ALONE)
    gate = read_gates(verdict)["contamination"]
    assert (code, verdict["decision"], gate["state"]) == (1, "do_not_ship", "failed")
    assert 4 <= gate["value"] <= 10
    assert len(verdict["reasons"]) == 2, "nothing else can be said"


def test_an_evaluation_that_was_killed_goes_on_where_it_was(desk: Desk) -> None:
    """Whatever was answered before the kill is not asked again: its file stays as it is."""
    outputs = desk.folder / "home" / "outputs"
    before = set(outputs.glob("*/*.json"))
    arguments = ["eval", "--model", BASE, "--data", "orders.jsonl", "--grader", "json", "--max-tokens", "9"]
    process = subprocess.Popen(
        [sys.executable, "-m", "luthier", *arguments],
        cwd=desk.folder,
        env=desk.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(set(outputs.glob("*/*.json")) - before) < 5:
        assert process.poll() is None, "the evaluation ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(300)
    kept = {path: path.stat().st_mtime_ns for path in set(outputs.glob("*/*.json")) - before}
    assert desk.call(*arguments) == 0
    assert len(set(outputs.glob("*/*.json")) - before) == TRAINED
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
