from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from luthier.advise.ladder import Step
from luthier.advise.markdown import render_advice_markdown
from tests.advise.advices import build_advice, build_copying_advice


def test_the_answer_comes_first_and_the_advised_rung_is_bold(tmp_path: Path) -> None:
    text = render_advice_markdown(build_advice(tmp_path))
    assert text.startswith("## Luthier advice: Use retrieval\n")
    (row,) = (line for line in text.splitlines() if line.startswith("| **"))
    assert row.startswith("| **clerk with passages** | 20 of 20, 100% | 83.9% to 100% | met | +65 points, better")


def test_rungs_that_were_not_measured_and_recall_are_told(tmp_path: Path) -> None:
    text = render_advice_markdown(build_advice(tmp_path, takes_all=False))
    assert text.count("- Not measured: Fine") == 2
    assert "top 1: 20 of 20" in text


def test_a_hostile_name_stays_text(tmp_path: Path) -> None:
    advice = build_advice(tmp_path)

    def rename(step: Step) -> Step:
        return replace(step, rung=replace(step.rung, name=f"{step.name} | <b> @all"))

    text = render_advice_markdown(replace(advice, steps=tuple(map(rename, advice.steps))))
    assert "<b>" not in text
    assert "| <" not in text
    assert " @all" not in text


def test_copied_test_rows_and_what_was_not_computed_are_told(tmp_path: Path) -> None:
    advice = replace(build_copying_advice(tmp_path), break_evens=(), break_even_gap="the machine has no price")
    text = render_advice_markdown(advice)
    assert "line 4 of the test stands in notes.md\\:" in text.replace("&#8288;", "")
    assert "| void |" in text
    assert "Break-even was not computed: the machine has no price." in text
    assert "left out of the choice: 1 of the 20 test rows" in text
