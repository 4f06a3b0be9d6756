"""A user's way from raw rows to a verdict on the real embedded model, with a slice of the example data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from luthier.data.examples import example_path

if TYPE_CHECKING:
    from luthier.models.catalog import Base

ROWS = 60
ANSWERS_ALONE = ("--no-forgetting", "--no-memory", "--no-latency")


class Desk(NamedTuple):
    """Where a user sits: a folder to work in, and a home that has the base model already."""

    folder: Path
    environment: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "luthier", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600
        )

    def ask(self, *arguments: str, exit_codes: tuple[int, ...] = (0,)) -> Any:
        result = self.run(*arguments, "--json")
        assert result.returncode in exit_codes, result.stderr
        return json.loads(result.stdout)


@pytest.fixture(scope="module")
def desk(smollm2: Base, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    home = folder / "home"
    (home / "bases").mkdir(parents=True)
    (home / "bases" / "smollm2-135m").symlink_to(smollm2.folder)
    rows = example_path().read_text(encoding="utf-8").splitlines(keepends=True)[:ROWS]
    (folder / "orders.jsonl").write_text("".join(rows), encoding="utf-8")
    return Desk(folder, {**os.environ, "LUTHIER_HOME": str(home)})


def test_the_whole_way(desk: Desk) -> None:
    assert desk.ask("check", "orders.jsonl")["summary"]["errors"] == 0

    desk.ask("split", "orders.jsonl", "--out", "data")
    counts = {file.stem: len(file.read_text().splitlines()) for file in (desk.folder / "data").glob("*.jsonl")}
    assert counts == {"train": 48, "validation": 6, "test": 6}

    tune = (
        "tune",
        "data",
        "--name",
        "orders-v1",
        "--recipe",
        "orders",
        "--set",
        "epochs=1",
        "--set",
        "learning_rate=1e-3",
    )
    tuned = desk.ask(*tune)
    assert tuned["model"] == "orders-v1"
    assert tuned["metrics"]["validation_loss"] < 0.5
    assert desk.ask(*tune) == tuned

    models = ("--model", "smollm2-135m", "--model", "orders-v1")
    options = ("--data", "data", "--grader", "json", "--max-tokens", "100", "--report", "report.html", *ANSWERS_ALONE)
    report = desk.ask("eval", *models, *options, exit_codes=(4,))
    for rates in report["models"].values():
        assert rates["total"] == 6
        assert rates["interval"][0] <= rates["pass_rate"] <= rates["interval"][1]
    comparison = report["comparison"]
    gain = report["models"]["orders-v1"]["passed"] - report["models"]["smollm2-135m"]["passed"]
    assert comparison["fixed"] - comparison["broken"] == gain
    assert report["verdict"]["decision"] == "cannot_tell", "six cases ship nothing"
    assert report["verdict"]["reasons"]
    hashes = [{output["prompt_hash"] for output in case["outputs"].values()} for case in report["cases"]]
    assert all(len(each) == 1 for each in hashes), "base and tuned model must see identical tokens"

    page = (desk.folder / "report.html").read_text(encoding="utf-8")
    assert "orders-v1" in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")

    answer = desk.ask("chat", "orders-v1", "--message", "Extract: Zoe ordered 2 lamps for $31.00 on May 4.")
    assert answer["finish_reason"] == "stop"
    assert answer["content"].startswith('{"customer":"Zoe","items":[{"name":"lamp"')

    lineage = desk.ask("show", "orders-v1")["lineage"]
    assert [ancestor["kind"] for ancestor in lineage] == ["run", "splits"]


def test_training_rows_in_the_test_void_the_verdict(desk: Desk) -> None:
    """The same model, judged on what it was trained on."""
    result = desk.ask(
        "eval", "--model", "smollm2-135m", "--model", "orders-v1", "--data", "data/train.jsonl",
        "--grader", "json", "--max-tokens", "60", *ANSWERS_ALONE, exit_codes=(1,),
    )  # fmt: skip
    assert result["verdict"]["decision"] == "do_not_ship"
    assert "48 of the 48 test cases" in " ".join(result["verdict"]["reasons"])
