"""A report becomes the sections of its page, in their order: each is there when, and only when, its part is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from luthier.evaluation.charts.losses import draw_losses, keep_finite, points_per_mean
from luthier.evaluation.charts.scale import draw_rate_axis
from luthier.evaluation.display.texts import show_text
from luthier.evaluation.pages.cases import build_cases
from luthier.evaluation.pages.findings import build_families, build_leaks, build_memory
from luthier.evaluation.pages.grades import build_fields, build_label_rows, build_labels
from luthier.evaluation.pages.judging import draw_agreement, list_judge_facts
from luthier.evaluation.pages.measures import (
    build_effects,
    build_guardrails,
    build_main_difference,
    build_rate_row,
    build_slices,
)
from luthier.evaluation.pages.provenance import build_manifest
from luthier.evaluation.pages.service import build_calibrations, build_service
from luthier.evaluation.sensitivity import describe_sensitivity
from luthier.evaluation.slices import EXPLORATORY
from luthier.evaluation.verdict import DECISION_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.summaries import DataSummary, TrainingSummary

ALWAYS_COUNTED = (("passed", "Passed"), ("failed", "Failed"), ("truncated", "Cut off"), ("unanswered", "No answer"))
UNGRADED = ("ungraded", "Not graded")


@dataclass(frozen=True)
class Section:
    """`values` is what its template, which is called as its key, is to say."""

    key: str
    title: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Surroundings:
    """What a page tells besides the report itself; `command` is what the reader types to measure again."""

    training: TrainingSummary | None = None
    data: DataSummary | None = None
    command: str = ""


def list_sections(report: EvalReport, around: Surroundings) -> tuple[Section, ...]:
    return (
        build_effect_section(report),
        Section("cases", "Cases", {"cases": build_cases(report)}),
        *list_quality_sections(report),
        *list_safety_sections(report),
        *list_service_sections(report),
        *list_origin_sections(report, around),
    )


def build_effect_section(report: EvalReport) -> Section:
    comparison = report.comparison
    has_ungraded = any(result.ungraded for result in report.results)
    score = comparison.score if comparison else None
    values: dict[str, Any] = {
        "rates": [build_rate_row(result, report) for result in report.results],
        "rate_axis": draw_rate_axis(),
        "difference": build_main_difference(comparison) if comparison else None,
        "score": build_effects([score]) if score else None,
        "kinds": (*ALWAYS_COUNTED, UNGRADED) if has_ungraded else ALWAYS_COUNTED,
        "has_costs": any(result.cost_dollars != 0 for result in report.results),
        "sensitivity": describe_sensitivity(len(report.samples), clusters=comparison.clusters if comparison else None),
    }
    return Section("effect", "Effect", values)


def list_quality_sections(report: EvalReport) -> Iterator[Section]:
    models = [result.model for result in report.results]
    comparison = report.comparison
    if fields := build_fields(report.fields, models):
        yield Section("fields", "Fields", {"fields": fields})
    if labels := build_labels(report.labels, models):
        values: dict[str, Any] = {"labels": labels, "label_rows": build_label_rows(report.labels, models)}
        yield Section("labels", "Labels", values)
    if comparison and (comparison.guardrails or comparison.secondary):
        values = {
            "guardrails": build_guardrails(comparison.guardrails) if comparison.guardrails else None,
            "secondary": build_effects(comparison.secondary) if comparison.secondary else None,
        }
        yield Section("measures", "Measures", values)
    if report.slices:
        yield Section("slices", "Slices", {"slices": build_slices(report.slices), "exploratory": EXPLORATORY})


def list_safety_sections(report: EvalReport) -> Iterator[Section]:
    """A forgetting that could not be measured is told, for it is what a reader of a good number may miss."""
    if report.forgetting or "forgetting" in report.unmeasured:
        families = build_families(report.forgetting) if report.forgetting else ()
        yield Section("forgetting", "Forgetting", {"families": families})
    if report.contamination:
        yield Section("contamination", "Test rows in training", {"leaks": build_leaks(report.contamination.cases)})
    if report.memory or report.canaries:
        rows = build_memory(report.memory) if report.memory else ()
        yield Section("memory", "Memory", {"memory_rows": rows, "show_text": show_text})
    if report.judges:
        judges = [(judge, draw_agreement(judge), list_judge_facts(judge)) for judge in report.judges]
        yield Section("judge", "Judge" if len(judges) == 1 else "Judges", {"judges": judges})


def list_service_sections(report: EvalReport) -> Iterator[Section]:
    models = [result.model for result in report.results]
    if calibrations := build_calibrations(report.calibration, models):
        yield Section("calibration", "Calibration", {"calibrations": calibrations})
    if service := build_service(models, report.latency, report.costs):
        yield Section("service", "Cost and time", {"service": service})


def list_origin_sections(report: EvalReport, around: Surroundings) -> Iterator[Section]:
    training = around.training
    if training:
        curve = [*training.points, *training.validation_points]
        values: dict[str, Any] = {
            "training": training,
            "loss_chart": draw_losses(training.points, training.validation_points) if keep_finite(curve) else "",
            "points_per_mean": points_per_mean(len(training.points)),
        }
        yield Section("training", "Training", values)
    if around.data or report.uses:
        yield Section("data", "Data", {"data": around.data, "decision_words": DECISION_WORDS})
    yield Section("reproduce", "Reproduce", {"command": around.command, "manifest": build_manifest(report)})
