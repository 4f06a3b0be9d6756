"""`eval` measures one model or judges the second of two, and its exit code is the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from luthier.cli.render import render_evaluation
from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.report import EvalReport, build_report
from luthier.evaluation.runner import run_evaluation
from luthier.evaluation.task import build_task
from tests.support.orders import answer_all_but, order_dataset, ramble

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from tests.cli.conftest import Call

FEW_TOKENS = ("--max-tokens", "4")


def judge() -> EvalReport:
    task = build_task(order_dataset(), parse_grader("json"), Sampling())
    engine = ScriptedEngine({"before": ramble, "after": answer_all_but({3: "no"})})
    before, after = (run_evaluation(engine, model, task, cache=None) for model in ("before", "after"))
    return build_report(task, after, baseline=before)


def test_one_model_is_measured_without_a_verdict(call_tuned: Call, orders: Path) -> None:
    outcome = call_tuned("eval", "--model", "tiny-orders", "--data", orders, *FEW_TOKENS, "--json")
    assert outcome.code == 0
    assert outcome.document["verdict"] is None
    assert outcome.document["models"]["tiny-orders"]["total"] == 30


def test_a_model_that_is_no_better_is_not_shipped(
    call_tuned: Call, orders: Path, tiny_base: Base, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    pair = ("--model", tiny_base.name, "--model", "tiny-orders")
    outcome = call_tuned("eval", *pair, "--data", orders, *FEW_TOKENS, "--report", page)
    assert outcome.code == 1
    assert "verdict: do not ship" in outcome.out
    assert f"report: {page}" in outcome.out
    assert "answers of tiny-orders 30 of 30" in outcome.err
    assert page.read_text().startswith("<!doctype html>")


def test_a_comparison_is_told_with_its_numbers_and_reasons() -> None:
    report = judge()
    text = render_evaluation(report, page=Path("report.html"))
    lines = text.splitlines()
    assert lines[0].split() == ["model", "passed", "rate", "95%", "interval"]
    assert lines[1].split()[:4] == ["before", "0", "of", "30"]
    assert lines[2].split()[:5] == ["after", "29", "of", "30", "96.7%"]
    assert "fixed 29, broke 0: +96.7 points" in text
    assert report.verdict is not None
    assert all(reason in text for reason in ("verdict: ship", *report.verdict.reasons))
