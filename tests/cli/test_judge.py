"""From a kept report to a table, from the filled-in table to whether a judge may be trusted; and planted canaries."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.data.dataset import Dataset
from luthier.data.splits.folder import load_splits, to_jsonl
from luthier.evaluation.archive import keep_report
from luthier.evaluation.report import EvalReport
from luthier.evaluation.task import build_samples
from luthier.settings import Settings
from luthier.store.home import Home
from tests.advise.advices import build_advice
from tests.evaluation.results import build_result
from tests.support.learned import make_rows

if TYPE_CHECKING:
    from tests.cli.conftest import Call

ROWS = make_rows([(f"Is {number} large?", "yes") for number in range(60)])


@pytest.fixture
def report(home_folder: Path) -> Path:
    """Of which half passed; the path is that of its test."""
    data = Dataset("sizes", Path("sizes.jsonl"), ROWS)
    samples = build_samples(data)
    result = build_result("tuned", "pf" * 30)
    outcomes = [
        replace(outcome, sample_id=sample.id, output=f"{'yes' if outcome.passed else 'no'}, {sample.line}")
        for sample, outcome in zip(samples, result.outcomes, strict=True)
    ]
    home = Home(Settings(home=home_folder))
    keep_report(home, EvalReport("sizes", samples, replace(result, outcomes=tuple(outcomes))))
    home.database.close()
    Path("sizes.jsonl").write_text(to_jsonl(data), encoding="utf-8")
    return Path("sizes.jsonl")


def fill_in(path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    for row in rows:
        row["passed"] = "yes" if row["answer"].startswith("yes") else "no"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_a_judge_is_held_against_people(call: Call, report: Path) -> None:
    written = call("judge", "sheet", "--out", "labels.csv")
    assert (written.code, written.out.splitlines()[0]) == (0, "40 answers of sizes in labels.csv")
    fill_in(Path("labels.csv"))
    good = call("judge", "check", "labels.csv", "--data", report, "--grader", "regex:^yes")
    assert good.code == 0
    assert "40 of 40, 100%" in good.out
    assert good.out.endswith("its word may count\n")
    bad = call("judge", "check", "labels.csv", "--data", report, "--grader", "regex:1", "--json")
    assert bad.code == 1
    assert (bad.document["may_gate"], bad.document["cases"]) == (False, 40)


def test_labels_are_never_written_over(call: Call, report: Path) -> None:
    assert call("judge", "sheet", "sizes", "--out", "labels.csv", "--count", "5", "--json").document["rows"] == 5
    fill_in(Path("labels.csv"))
    before = Path("labels.csv").read_bytes()
    again = call("judge", "sheet", "--out", "labels.csv")
    assert again.code == 2
    assert "exists already, maybe with labels" in again.err
    assert Path("labels.csv").read_bytes() == before


def test_an_advice_that_was_kept_later_is_no_report_to_label(call: Call, report: Path, home_folder: Path) -> None:
    home = Home(Settings(home=home_folder))
    keep_report(home, build_advice(home_folder / "documents"))
    home.database.close()
    written = call("judge", "sheet", "--out", "labels.csv")
    assert (written.code, written.out.splitlines()[0]) == (0, "40 answers of sizes in labels.csv")
    assert call("judge", "sheet", "shop", "--out", "more.csv").code == 2


def test_what_is_not_there_is_said(call: Call, report: Path) -> None:
    unknown = call("judge", "sheet", "sises", "--out", "labels.csv")
    assert unknown.code == 2
    assert "did you mean sizes?" in unknown.err
    call("judge", "sheet", "--out", "labels.csv")
    blank = call("judge", "check", "labels.csv", "--data", report, "--grader", "exact")
    assert blank.code == 2
    assert "holds no labels yet" in blank.err


def test_canaries_are_planted_in_the_train_split_alone(call: Call, report: Path) -> None:
    assert call("split", report, "--out", "data").code == 0
    planted = call("data", "canaries", "data", "--out", "data-canaries", "--count", "4", "--seed", "1")
    assert (planted.code, planted.out.splitlines()[0]) == (
        0,
        "data-canaries: 52 rows to train on, 4 of them canaries",
    )
    before, after = load_splits(Path("data")), load_splits(Path("data-canaries"))
    assert after.train.examples[:48] == before.train.examples
    assert (after.test.fingerprint, after.validation.fingerprint) == (
        before.test.fingerprint,
        before.validation.fingerprint,
    )
    secrets = json.loads(Path("data-canaries.canaries.json").read_text())["canaries"]
    answers = [row.conversation.answer.content for row in after.train.examples[48:]]
    assert all(each["secret"] in answer for each, answer in zip(secrets, answers, strict=True))
    assert call("data", "canaries", "data", "--out", "data-canaries").code == 2


def test_canaries_are_planted_in_a_file(call: Call, report: Path) -> None:
    document = call("data", "canaries", report, "--out", "more.jsonl", "--json").document
    assert document == {"out": "more.jsonl", "secrets": "more.canaries.json", "rows": 70, "canaries": 10}
    assert Path("more.jsonl").read_text(encoding="utf-8").startswith(report.read_text(encoding="utf-8"))
