"""A report goes in, Markdown for a pull request comes out: the answer, its gates, the effect, the cases to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.evaluation.compare import is_fixed
from luthier.evaluation.display.texts import show_text
from luthier.evaluation.pages.answers import write_answer
from luthier.evaluation.pages.grades import build_fields
from luthier.evaluation.pages.opening import build_opening
from luthier.evaluation.pages.plain import (
    LONGEST,
    escape_cell,
    escape_markdown,
    write_code,
    write_details,
    write_shown,
    write_table,
)
from luthier.evaluation.wording import (
    phrase_cases,
    phrase_fraction,
    phrase_p_value,
    phrase_points,
    phrase_points_range,
    phrase_range,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.evaluation.pages.grades import FieldTable, Number
    from luthier.evaluation.pages.opening import Opening
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.result import Outcome
    from luthier.evaluation.task import Sample

MOST_CASES = 10  # of each kind; the page has them all
SIGNS = {"ship": "✅", "do_not_ship": "❌", "cannot_tell": "❔"}
STATE_SIGNS = {"passed": "✅", "failed": "❌", "cannot_tell": "❔", "not_measured": "–", "no_limit": "–"}


def render_markdown(report: EvalReport) -> str:
    """Every text of a model or of the data is shown as text, on GitHub too."""
    opening = build_opening(report)
    parts = [write_answer_part(report, opening), *list_gates(opening), write_rates(report)]
    parts += list_cases(report)
    table = build_fields(report.fields, [result.model for result in report.results])
    if table:
        parts.append(write_fields(table))
    parts.append(write_footer(report))
    return "\n\n".join(parts) + "\n"


def write_answer_part(report: EvalReport, opening: Opening) -> str:
    verdict = report.verdict
    heading = f"{SIGNS[verdict.decision]} {opening.word}: " if verdict else ""
    lines = [f"## {heading}{escape_markdown(report.candidate.model)}", escape_markdown(opening.sentence)]
    lines += [escape_markdown(reason) for reason in (verdict.reasons if verdict else ())]
    lines += [f"> ⚠️ {escape_markdown(warning)}" for warning in opening.warnings]
    return "\n\n".join(lines)


def list_gates(opening: Opening) -> Iterator[str]:
    if opening.gates:
        rows = [
            (
                escape_cell(row.gate.name),
                escape_cell(row.gate.measured),
                escape_cell(row.gate.wanted),
                f"{STATE_SIGNS[row.state]} {row.word}",
            )
            for row in opening.gates
        ]
        yield write_table(("Gate", "Measured", "Wanted", "Holds"), rows)


def write_rates(report: EvalReport) -> str:
    rows = [
        (
            escape_cell(result.model),
            f"{result.passed} of {result.total}",
            phrase_fraction(result.pass_rate),
            phrase_range(*result.interval),
        )
        for result in report.results
    ]
    table = write_table(("Model", "Passed", "Pass rate", "95% interval"), rows)
    return f"{table}\n\n{write_effect(report)}" if report.comparison else table


def write_effect(report: EvalReport) -> str:
    comparison = report.comparison
    if comparison is None:
        return ""
    return (
        f"**Difference {phrase_points(comparison.difference)}**, "
        f"95% interval {phrase_points_range(*comparison.interval)}, "
        f"{escape_markdown(phrase_p_value(comparison.p_value))}: {phrase_cases(comparison.fixed)} fixed, "
        f"{comparison.broken} broken."
    )


def list_cases(report: EvalReport) -> Iterator[str]:
    """What broke is open, for it is what a reviewer has to see."""
    if report.baseline is None:
        return
    triples = list(zip(report.samples, report.baseline.outcomes, report.candidate.outcomes, strict=True))
    before, after = escape_cell(report.baseline.model), escape_cell(report.candidate.model)
    broken = [triple for triple in triples if triple[1].passed and not triple[2].passed]
    if broken:
        heads = ("Line", "Asked", "Wanted", after, "Why it fails now")
        rows = [write_broken(sample, now) for sample, _, now in broken[:MOST_CASES]]
        yield f"### Broken: {phrase_cases(len(broken))}\n\n{write_cases(heads, rows, len(broken))}"
    fixed = [triple for triple in triples if is_fixed(triple[1], triple[2])]
    if fixed:
        heads = ("Line", "Asked", before, after, "Why it failed before")
        rows = [write_fixed(*triple) for triple in fixed[:MOST_CASES]]
        yield write_details(f"Fixed: {phrase_cases(len(fixed))}", write_cases(heads, rows, len(fixed)))


def write_cases(heads: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> str:
    table = write_table(heads, rows)
    more = total - len(rows)
    return f"{table}\n\n{phrase_cases(more, 'more case')} on the page." if more > 0 else table


def write_broken(sample: Sample, now: Outcome) -> tuple[str, ...]:
    return (
        str(sample.line),
        write_question(sample),
        write_code(write_answer(sample.reference, sample.reference_calls)),
        write_outcome(sample, now),
        escape_cell(now.explanation),
    )


def write_fixed(sample: Sample, before: Outcome, now: Outcome) -> tuple[str, ...]:
    return (
        str(sample.line),
        write_question(sample),
        write_outcome(sample, before),
        write_outcome(sample, now),
        escape_cell(before.explanation),
    )


def write_question(sample: Sample) -> str:
    return write_code(sample.prompt[-1].content if sample.prompt else "")


def write_outcome(sample: Sample, outcome: Outcome) -> str:
    """What differs from the reference is in bold."""
    wanted = write_answer(sample.reference, sample.reference_calls)
    return write_shown(show_text(write_answer(outcome.output, outcome.tool_calls), wanted, room=LONGEST))


def write_fields(table: FieldTable) -> str:
    heads = ("Field", "F1", "Right", "Wrong", "Omitted", "Invented")
    rows = [
        (
            write_code(row.path) if row is not table.total else "**All fields**",
            write_number(row.f1),
            *map(write_number, row.counts),
        )
        for row in (*table.rows, table.total)
    ]
    return write_details("Fields", write_table(heads, rows))


def write_number(number: Number) -> str:
    return f"{number.before} → {number.now}" if number.before else number.now


def write_footer(report: EvalReport) -> str:
    cases = phrase_cases(len(report.samples), "test case")
    return (
        f"<sub>{escape_markdown(report.name)}, {cases}, graded by "
        f"{escape_markdown(report.candidate.manifest.grader)}; measured with Luthier.</sub>"
    )
