"""`eval` measures one model or judges the second of two, and its exit code is the verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.cli.render_evaluation import render_evaluation
from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.report import EvalReport, build_report
from luthier.evaluation.runner import run_evaluation
from luthier.evaluation.task import Criterion, build_task
from luthier.pipeline import ReportFiles
from tests.support.orders import answer_all_but, order_dataset, ramble

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from tests.cli.conftest import Call

FEW_TOKENS = ("--max-tokens", "4")
ANSWERS_ALONE = ("--no-forgetting", "--no-memory", "--no-latency")


def judge() -> EvalReport:
    criteria = (Criterion(parse_grader("exact"), "secondary"), Criterion(parse_grader("valid-json"), "guardrail"))
    task = build_task(order_dataset(), parse_grader("json"), Sampling(), criteria=criteria)
    engine = ScriptedEngine({"before": ramble, "after": answer_all_but({3: "no"})})
    before, after = (run_evaluation(engine, model, task, cache=None) for model in ("before", "after"))
    return build_report(task, after, baseline=before)


def test_one_model_is_measured_without_a_verdict(call_tuned: Call, orders: Path) -> None:
    outcome = call_tuned("eval", "--model", "tiny-orders", "--data", orders, *FEW_TOKENS, "--json")
    assert outcome.code == 0
    assert outcome.document["verdict"] is None
    assert outcome.document["models"]["tiny-orders"]["total"] == 30


def test_a_model_that_learned_the_test_is_not_shipped(
    call_tuned: Call, orders: Path, tiny_base: Base, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("report.html", "report.md", "verdict.json")]
    pair = ("--model", tiny_base.name, "--model", "tiny-orders")
    written = [word for pair in zip(("--report", "--markdown", "--verdict"), files, strict=True) for word in pair]
    outcome = call_tuned("eval", *pair, "--data", orders, *FEW_TOKENS, *ANSWERS_ALONE, *written)
    assert outcome.code == 1
    assert "verdict: do not ship" in outcome.out
    assert "24 of the 30 test cases" in outcome.out
    assert f"report: {files[0]}" in outcome.out
    assert "answers of tiny-orders 30 of 30" in outcome.err
    assert files[0].read_text().startswith("<!doctype html>")
    assert "Do not ship" in files[1].read_text()
    verdict = json.loads(files[2].read_text())
    assert (verdict["decision"], verdict["exit_code"], verdict["answer"]) == ("do_not_ship", 1, "Do not ship")
    assert verdict["gates"][0]["state"] == "failed"


def test_what_an_earlier_run_wrote_is_gone_when_a_run_begins(call_tuned: Call, tmp_path: Path) -> None:
    """A script that reads the verdict after a failure finds none, rather than yesterday's."""
    files = {f"--{kind}": tmp_path / kind for kind in ("report", "markdown", "verdict")}
    (tmp_path / "rows.jsonl").write_text("nonsense")
    options = [word for kind, path in files.items() for word in (kind, str(path))]
    for rows, code in (("rows.jsonl", 1), ("none.jsonl", 2)):
        for path in files.values():
            path.write_text("of an earlier run")
        outcome = call_tuned("eval", "--model", "tiny-orders", "--data", tmp_path / rows, *options)
        assert outcome.code == code
        assert not any(path.exists() for path in files.values())


def test_what_is_no_file_is_not_replaced(call_tuned: Call, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    outcome = call_tuned("eval", "--model", "tiny-orders", "--data", "rows.jsonl", "--verdict", tmp_path / "link")
    assert (outcome.code, "is no regular file" in outcome.err) == (2, True)
    assert (tmp_path / "link").is_symlink()


def test_a_model_that_is_no_better_leaves_the_verdict_open(call_tuned: Call, tiny_base: Base, tmp_path: Path) -> None:
    """New rows, which two models that know nothing fail alike."""
    from luthier.data.examples.orders import generate_rows

    fresh = tmp_path / "fresh.jsonl"
    fresh.write_text("".join(json.dumps(row) + "\n" for row in generate_rows(400)[370:]), encoding="utf-8")
    pair = ("--model", tiny_base.name, "--model", "tiny-orders")
    outcome = call_tuned("eval", *pair, "--data", fresh, *FEW_TOKENS, *ANSWERS_ALONE, "--json")
    assert outcome.code == 4, outcome.err
    assert outcome.document["verdict"]["decision"] == "cannot_tell"
    assert "may be luck" in " ".join(outcome.document["verdict"]["reasons"])


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (("--gates", "none.toml"), "none.toml: no such file", "name a TOML file"),
        (("--guardrail", "valid-json~2"), "the margin must be a number between 0 and 1", "may lose 5 points"),
        (("--also", "jsn"), "unknown grader 'jsn'", "json"),
        (("--cluster", "customer"), "no row has 'customer' in its metadata", "share a value"),
        (("--verdict", "taken/v.json"), "taken is no folder", "name a file in a folder"),
        (("--human-labels", "none.csv"), "none.csv cannot be read", "luthier judge sheet"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_asked(
    call_tuned: Call, orders: Path, options: tuple[str, ...], message: str, hint: str
) -> None:
    Path("taken").write_text("a file, where a folder is wanted")
    outcome = call_tuned("eval", "--model", "tiny-orders", "--data", orders, *options)
    assert outcome.code in (1, 2)
    assert message in outcome.err
    assert hint in outcome.err
    assert "answers of" not in outcome.err


def test_a_misspelt_gate_is_refused_wherever_it_stands(call_tuned: Call, orders: Path, tmp_path: Path) -> None:
    command = ("eval", "--model", "tiny-orders", "--data", orders)
    (tmp_path / "gates.toml").write_text("wanted_gian = 0.1\n")
    assert "did you mean wanted_gain?" in call_tuned(*command, "--gates", tmp_path / "gates.toml").err
    Path("luthier.toml").write_text("[gates]\nlatency_second = 1\n")
    assert "gates in luthier.toml: unknown gate 'latency_second'" in call_tuned(*command).err


def test_a_comparison_is_told_with_its_numbers_gates_and_reasons() -> None:
    report = judge()
    text = render_evaluation(report, files=ReportFiles(page=Path("report.html")))
    lines = text.splitlines()
    assert lines[0].split() == ["model", "passed", "rate", "95%", "interval"]
    assert lines[1].split()[:4] == ["before", "0", "of", "30"]
    assert lines[2].split()[:5] == ["after", "29", "of", "30", "96.7%"]
    assert "fixed 29, broke 0: +96.7 points" in text
    assert "by exact: 0% to 96.7%, better" in text
    assert report.verdict is not None
    assert all(reason in text for reason in ("verdict: ship", *report.verdict.reasons))
    assert all(gate.name in text and gate.measured in text for gate in report.verdict.gates)
    assert "No worse by valid-json" in text
    assert "note: Whether anything else was forgotten is not known: not asked for." in text
