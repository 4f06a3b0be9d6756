from __future__ import annotations

import json
from typing import TYPE_CHECKING

import bench_statistics
import pytest

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ["comparison", "slices", "labels of both", "calibration", "agreement", "all"]


def test_everything_that_a_comparison_computes_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "statistics.json"
    monkeypatch.setattr("sys.argv", ["bench", "--cases", "300", "--rounds", "2", "--out", str(out)])
    bench_statistics.main()
    table = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in table[1:]] == PARTS
    rounds = json.loads(out.read_text())["rounds"]
    assert [sorted(each) for each in rounds] == [["7 in a cluster", "no clusters"]] * 2


def test_its_results_have_everything_to_be_compared() -> None:
    pair = bench_statistics.build_pair(400, cases_per_cluster=7)
    parts = {name: compute() for name, compute in bench_statistics.list_parts(pair).items()}
    comparison = parts["comparison"]
    assert comparison.clusters == 58
    assert comparison.score is not None
    assert (len(comparison.secondary), len(comparison.guardrails)) == (2, 1)
    assert {each.key for each in parts["slices"]} == {"prompt length", "label", "source"}


def test_too_slow_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--cases", "60", "--rounds", "1"])
    monkeypatch.setattr(bench_statistics, "ALLOWED_SECONDS", 0.0)
    with pytest.raises(SystemExit, match="is more than"):
        bench_statistics.main()
