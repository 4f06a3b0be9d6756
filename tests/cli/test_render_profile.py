"""What a file is like fits on a few lines, whatever is in it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from luthier.cli.render_profile import LONGEST_BAR, render_profile
from luthier.data.check import check_file
from tests.data.rows import ask, write

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.check import CheckReport


@pytest.fixture
def labelled(tmp_path: Path) -> CheckReport:
    rows = [ask(f"question {number}", "yes" if number % 3 else "no") for number in range(60)]
    return check_file(write(tmp_path / "a.jsonl", *rows))


def with_profile(report: CheckReport, **profile: Any) -> CheckReport:
    return replace(report, profile={**report.profile, **profile})


def cells(text: str) -> dict[str, str]:
    return {line[:14].strip(): line[16:] for line in text.splitlines() if not line.startswith("  ")}


def test_form_labels_and_lengths_are_told(labelled: CheckReport) -> None:
    assert cells(render_profile(labelled)) == {
        "format": "OpenAI chat",
        "system prompts": "1",
        "labels": "answer: yes 40, no 20",
        "prompts": "half up to 18 characters, 90% up to 18, the longest 18",
        "answers": "half up to 3 characters, 90% up to 3, the longest 3",
    }


def test_bars_stand_for_all_rows_and_the_longest_fills_its_place(labelled: CheckReport) -> None:
    bars = [line for line in render_profile(labelled).splitlines() if "#" in line]
    assert [line.split() for line in bars] == [
        ["2", "to", "2", "#" * (LONGEST_BAR // 2), "20"],
        ["3", "to", "3", "#" * LONGEST_BAR, "40"],
    ]


def test_a_bar_of_one_row_among_thousands_can_be_seen(labelled: CheckReport) -> None:
    bars = [{"low": 0, "high": 999, "rows": 5000}, {"low": 1000, "high": 1999, "rows": 1}]
    tokens = {"histogram": bars, "percentiles": {"p50": 1, "p90": 2, "longest": 1500}}
    shown = render_profile(with_profile(labelled, tokens=tokens)).splitlines()
    assert shown[-1].split() == ["1,000", "to", "1,999", "#", "1"]
    assert "half up to 1 tokens, 90% up to 2, the longest 1,500" in shown[-3]


def test_of_many_labels_the_commonest_are_named(labelled: CheckReport) -> None:
    labels = {"field": "intent", "distinct": 40, "counts": {f"label{number}": 50 - number for number in range(30)}}
    shown = cells(render_profile(with_profile(labelled, labels=labels)))["labels"]
    assert shown.startswith("intent: label0 50, label1 49, ")
    assert shown.endswith("label7 43, and 32 more")


def test_clusters_are_shown_by_the_row_in_their_middle(labelled: CheckReport) -> None:
    clusters = [{"rows": 40, "line": 7, "text": "book a table"}, {"rows": 20, "line": 9, "text": "rate it"}]
    text = render_profile(with_profile(labelled, labels=None, clusters=clusters))
    assert "clusters        40 rows like line 7: book a table\n                20 rows like line 9: rate it" in text


def test_a_profile_is_json(labelled: CheckReport) -> None:
    assert json.loads(json.dumps(labelled.profile)) == labelled.profile
