from __future__ import annotations

import re

from luthier.evaluation.pages.strength import plot_families, plot_task, render_strengths
from tests.evaluation.sweeps import build_sweep

TRIALS = {1.0: (36, "d?"), 0.8: (35, "oo"), 0.5: (10, "oo")}


def test_the_task_is_drawn_from_full_strength_down_to_the_base() -> None:
    rows = plot_task(build_sweep(TRIALS, base=2, margin=0.2)).table.rows
    assert [row.name for row in rows] == ["Strength 1", "Strength 0.8", "Strength 0.5", "0, the base"]
    assert [row.numbers for row in rows] == ["36 of 40", "35 of 40", "10 of 40", "2 of 40"]
    assert [row.word for row in rows] == ["", "kept", "lost", ""]
    assert ["bar candidate" in row.chart for row in rows] == [False, True, False, False]


def test_each_family_has_a_plot_of_its_own_on_one_scale() -> None:
    plots = plot_families(build_sweep(TRIALS))
    assert [plot.title for plot in plots] == ["Family 0", "Family 1"]
    for plot, words in zip(plots, (["lost", "kept", "kept"], ["cannot tell", "kept", "kept"]), strict=True):
        assert [row.word for row in plot.table.rows] == words
        assert len({re.findall(r'class="edge" x1="([\d.]+)%', row.chart)[0] for row in plot.table.rows}) == 1


def test_the_page_says_what_to_do_and_that_the_test_was_not_used() -> None:
    page = render_strengths(build_sweep(TRIALS, margin=0.2))
    assert "Turn it down to 0.8" in page
    assert "a test that chose the strength could not judge it any more" in page
    assert "Leave it as it is" in render_strengths(build_sweep({1.0: (36, "o"), 0.5: (36, "o")}))
    assert "Tune it again" in render_strengths(build_sweep({1.0: (0, "d"), 0.5: (0, "o")}))


def test_no_name_of_a_model_becomes_markup_and_nothing_is_loaded() -> None:
    page = render_strengths(build_sweep(TRIALS, model="<img src=https://evil.example/x>\u202e"))
    assert "<img" not in page
    assert "\u202e" not in page
    assert not re.findall(r'(?:src|href)="(?!#)', page)
