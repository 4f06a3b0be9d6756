"""What may hide behind a good number becomes rows: what was forgotten, what leaked, what was learned by heart."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from luthier.evaluation.charts.scale import draw_free_axis, draw_points_axis, free_scale, span_scale
from luthier.evaluation.charts.strips import BOUNDS, draw_difference, draw_rate
from luthier.evaluation.display.pieces import Shown
from luthier.evaluation.display.texts import show_shared, show_text
from luthier.evaluation.wording import phrase_points, phrase_signed
from luthier.stats.intervals import wilson_interval
from luthier.tokens.visible import make_visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.contamination import LeakedCase
    from luthier.evaluation.forgetting.finding import Family, Forgetting, ProbeCase
    from luthier.evaluation.memory import MemoryProbe

FAMILY_WORDS = {"ok": "kept", "degraded": "lost", "cannot_tell": "cannot tell"}
FAMILY_TONES = {"ok": "passed", "degraded": "failed", "cannot_tell": "open"}
LEAK_WORDS = {"exact": "the same row", "near": "nearly the same row", "quoted": "a passage in common"}
MOST_LEAKS_SHOWN = 20
ROOM = 1500  # characters of one text
SHARES = "share"  # units that begin so are fractions, which are shown in points


class ProbeView(NamedTuple):
    prompt: Shown
    baseline: Shown
    candidate: Shown
    note: str


class FamilyRow(NamedTuple):
    """`loss` is how much worse the candidate is, `worst` how much it may be at most, `limit` how much is let pass."""

    family: Family
    loss: str
    worst: str
    limit: str
    word: str
    tone: str
    chart: Markup
    axis: Markup
    examples: tuple[ProbeView, ...]


class LeakView(NamedTuple):
    """`train` is None where the training row is not kept, and `source` names it as well as is known."""

    leak: LeakedCase
    words: str
    source: str
    test: Shown
    train: Shown | None


class MemoryRow(NamedTuple):
    name: str
    passed: str
    chart: Markup


def build_families(forgetting: Forgetting) -> tuple[FamilyRow, ...]:
    return tuple(build_family(family) for family in forgetting.families)


def build_family(family: Family) -> FamilyRow:
    loss, limit = phrase_loss(family.measured, family.unit), phrase_loss(family.margin, family.unit)
    worst = phrase_loss(family.interval.high, family.unit)
    is_share = family.unit.startswith(SHARES)
    values = [family.measured, *family.interval, 1.2 * family.margin]
    scale = span_scale(values) if is_share else free_scale(values)
    title = make_visible(f"{family.title}: {loss}, at worst {worst}; at most {limit} is let pass")
    margin = family.margin or None  # where nothing at all is let pass, what counts is that nothing was found
    return FamilyRow(
        family=family,
        loss=loss,
        worst=worst,
        limit=f"at most {limit} is let pass" if margin else "none is let pass",
        word=FAMILY_WORDS[family.state],
        tone=FAMILY_TONES[family.state],
        chart=draw_difference(family.measured, family.interval, title, scale=scale, margin=margin, described=BOUNDS),
        axis=draw_points_axis(scale) if is_share else draw_free_axis(scale),
        examples=tuple(build_probe(case) for case in family.examples),
    )


def phrase_loss(value: float, unit: str) -> str:
    return phrase_points(value) if unit.startswith(SHARES) else phrase_signed(value, unit)


def build_probe(case: ProbeCase) -> ProbeView:
    return ProbeView(
        show_text(case.prompt, room=ROOM),
        show_text(case.baseline, room=ROOM),
        show_text(case.candidate, room=ROOM),
        case.note,
    )


def build_leaks(cases: Sequence[LeakedCase]) -> tuple[LeakView, ...]:
    """The first few, both sides with what they have in common marked."""
    return tuple(
        LeakView(
            leak=case,
            words=LEAK_WORDS[case.kind],
            source=name_source(case),
            test=show_shared(case.test_text, case.train_text or case.shared, room=ROOM),
            train=show_shared(case.train_text, case.test_text, room=ROOM) if case.train_text else None,
        )
        for case in cases[:MOST_LEAKS_SHOWN]
    )


def name_source(case: LeakedCase) -> str:
    name = case.train_file or "a training row"
    return f"{name}:{case.train_line}" if case.train_line else name


def build_memory(probe: MemoryProbe) -> tuple[MemoryRow, ...]:
    sides = (
        ("Rows it was trained on", probe.train_passed, probe.train_total),
        ("Rows it never saw", probe.held_out_passed, probe.held_out_total),
    )
    return tuple(
        MemoryRow(
            name,
            f"{passed} of {total}",
            draw_rate(
                passed / total,
                wilson_interval(passed, total),
                f"{name}: {passed} of {total} passed",
                is_candidate=name.endswith("on"),
            ),
        )
        for name, passed, total in sides
        if total
    )
