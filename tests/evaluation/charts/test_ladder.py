from __future__ import annotations

import re

from luthier.evaluation.charts.ladder import LadderRung, draw_ladder
from luthier.stats.intervals import Interval

RUNGS = (
    LadderRung("Prompt only", 0.1, Interval(0.02, 0.3), 2.4, 0.33),
    LadderRung("Retrieval", None, None, None, None, note="no documents were given"),
    LadderRung("Fine-tuned", 0.9, Interval(0.7, 0.97), 1.2, None, is_recommended=True),
)


def test_each_rung_has_its_quality_with_the_interval_and_its_numbers() -> None:
    drawn = draw_ladder(RUNGS)
    assert drawn.count("<tr>") + drawn.count('<tr class="recommended">') == 2 + len(RUNGS)
    assert 'width="90.0%"' in drawn
    assert 'x1="70.0%" x2="97.0%"' in drawn
    assert ">2.4 s<" in drawn
    assert ">$0.33<" in drawn


def test_bars_are_as_long_as_their_share_of_the_longest() -> None:
    widths = re.findall(r'class="bar" x="0" y="0" width="([\d.]+)"', draw_ladder(RUNGS))
    assert [float(width) for width in widths] == [64.0, 64.0, 32.0]


def test_what_was_not_measured_is_said_and_columns_without_a_value_are_left_out() -> None:
    drawn = draw_ladder(RUNGS)
    assert "not measured" in drawn
    assert "no documents were given" in drawn
    assert "not known" in drawn
    assert "Prompt tokens" not in drawn
    assert "Prompt tokens" in draw_ladder([RUNGS[0]._replace(prompt_tokens=61.0)])


def test_only_the_recommended_rung_is_called_so() -> None:
    assert draw_ladder(RUNGS).count("recommended</span>") == 1


def test_the_target_is_drawn_on_every_measured_rung_and_told() -> None:
    drawn = draw_ladder(RUNGS, target=0.9)
    assert drawn.count('class="target" x1="90.0%"') == 2
    assert "the line is the target of 90%" in drawn
    assert "target" not in draw_ladder(RUNGS)


def test_names_and_notes_are_inert() -> None:
    drawn = draw_ladder([RUNGS[1]._replace(name="<b>\u202e", note="<img>")])
    assert "<b>" not in drawn
    assert "<img>" not in drawn
    assert "⟨U+202E⟩" in drawn
