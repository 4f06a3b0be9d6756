"""Rungs measured on one test become one table that is its own chart: quality with interval, time and cost beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from luthier.evaluation.charts.scale import RATE_SCALE, draw_rate_axis
from luthier.evaluation.charts.strips import NOTHING, draw_strip
from luthier.evaluation.wording import phrase_count, phrase_dollars, phrase_fraction, phrase_seconds
from luthier.tokens.visible import make_visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from luthier.stats.intervals import Interval

BAR_WIDTH = 64  # pixels of the longest bar


class LadderRung(NamedTuple):
    """`quality` is a fraction, `seconds` those of one whole answer, `dollars` those of 1,000 answers; None where it
    was not measured, with the reason as `note`."""

    name: str
    quality: float | None
    interval: Interval | None
    seconds: float | None
    dollars: float | None
    prompt_tokens: float | None = None
    note: str = ""
    is_recommended: bool = False


class Column(NamedTuple):
    title: str
    values: Sequence[float | None]
    words: Sequence[str]


def draw_ladder(rungs: Sequence[LadderRung], *, target: float | None = None) -> Markup:
    """Columns that no rung has a value for are left out."""
    columns = [column for column in list_columns(rungs) if any(value is not None for value in column.values)]
    heads = ["Rung", "Quality", *(column.title for column in columns)]
    aim = f"; the line is the target of {phrase_fraction(target)}" if target is not None else ""
    return Markup(
        '<table class="ladder"><caption>Share of the test cases that pass, with its 95% interval{aim}.</caption>'
        "<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
        '<tfoot><tr><td></td><td aria-hidden="true">{axis}</td>{blanks}</tr></tfoot></table>'
    ).format(
        aim=aim,
        heads=join(Markup('<th scope="col">{}</th>').format(head) for head in heads),
        rows=join(draw_rung(rungs[index], index, columns, target) for index in range(len(rungs))),
        axis=draw_rate_axis(),
        blanks=Markup("<td></td>") * len(columns),
    )


def list_columns(rungs: Sequence[LadderRung]) -> list[Column]:
    seconds, dollars, tokens = zip(*((rung.seconds, rung.dollars, rung.prompt_tokens) for rung in rungs), strict=True)
    return [
        Column("Answer time", seconds, [phrase_seconds(value) if value is not None else "" for value in seconds]),
        Column("Per 1,000 answers", dollars, [phrase_dollars(value) if value is not None else "" for value in dollars]),
        Column("Prompt tokens", tokens, [phrase_count(value) if value is not None else "" for value in tokens]),
    ]


def draw_rung(rung: LadderRung, index: int, columns: Sequence[Column], target: float | None) -> Markup:
    cells = [
        Markup('<td data-label="{}">{}</td>').format(column.title, draw_amount(column, index))
        if rung.quality is not None
        else Markup("<td></td>")
        for column in columns
    ]
    return Markup(
        '<tr{kind}><th scope="row"><span class="step">{number}</span> {name}{chip}{note}</th>'
        '<td data-label="Quality">{quality}</td>{cells}</tr>'
    ).format(
        kind=Markup(' class="recommended"') if rung.is_recommended else NOTHING,
        number=index + 1,
        name=make_visible(rung.name),
        chip=Markup(' <span class="chip passed">recommended</span>') if rung.is_recommended else NOTHING,
        note=Markup(' <span class="aside">{}</span>').format(make_visible(rung.note)) if rung.note else NOTHING,
        quality=draw_quality(rung, target),
        cells=join(cells),
    )


def draw_quality(rung: LadderRung, target: float | None) -> Markup:
    if rung.quality is None:
        return Markup('<span class="aside">not measured</span>')
    words = phrase_fraction(rung.quality)
    kind = "bar candidate" if rung.is_recommended else "bar"
    bar = Markup('<rect class="{}" x="0" y="3" width="{}%" height="20"/>').format(kind, RATE_SCALE.place(rung.quality))
    line = NOTHING
    if target is not None:
        line = Markup('<line class="target" x1="{0}%" x2="{0}%" y1="-2" y2="28"/>').format(RATE_SCALE.place(target))
    title = make_visible(f"{rung.name}: {words}")
    strip = draw_strip(title, RATE_SCALE, rung.interval, below=bar, above=line)
    return Markup('<div class="quality"><strong>{}</strong>{}</div>').format(words, strip)


def draw_amount(column: Column, index: int) -> Markup:
    """The number over a bar that is as long as its share of the largest."""
    value = column.values[index]
    if value is None:
        return Markup('<span class="aside">not known</span>')
    largest = max(other for other in column.values if other is not None)
    width = round(BAR_WIDTH * value / largest, 1) if largest > 0 else 0.0
    return Markup(
        '{}<svg class="amount" width="{}" height="4" aria-hidden="true">'
        '<rect class="bar" x="0" y="0" width="{}" height="4"/></svg>'
    ).format(column.words[index], BAR_WIDTH, width)


def join(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)
