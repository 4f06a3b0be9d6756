from __future__ import annotations

from dataclasses import replace

from luthier.evaluation.pages.cases import SHOWN_AT_ONCE, build_cases
from tests.evaluation.reports import Made, make_report


def test_groups_hold_every_case_once_and_the_counts_of_the_comparison() -> None:
    report = make_report(Made(count=60, base_passes_every=2, tuned_fails_every=3))
    groups = {group.key: group for group in build_cases(report).groups}
    assert list(groups) == ["broken", "fixed", "both-wrong", "both-right"]
    assert report.comparison is not None
    assert groups["broken"].total == report.comparison.broken == 10
    assert groups["fixed"].total == report.comparison.fixed == 20
    assert groups["both-wrong"].total == report.comparison.both_failed
    assert groups["both-right"].total == report.comparison.both_passed
    lines = [case.line for group in groups.values() for case in (*group.cases, *group.more)]
    assert sorted(lines) == list(range(1, 61))


def test_a_long_group_shows_some_at_once_and_a_quiet_one_none() -> None:
    report = make_report(Made(count=60, base_passes_every=4))
    groups = {group.key: group for group in build_cases(report).groups}
    assert len(groups["fixed"].cases) == SHOWN_AT_ONCE
    assert len(groups["fixed"].more) == groups["fixed"].total - SHOWN_AT_ONCE > 0
    assert groups["both-right"].cases == ()
    assert groups["both-right"].open_count == 0


def test_a_model_alone_has_groups_of_its_own() -> None:
    report = make_report(Made(is_pair=False))
    assert [(group.key, group.total) for group in build_cases(report).groups] == [("not-passed", 3), ("right", 27)]


def test_fields_to_filter_by_count_their_cases() -> None:
    report = make_report(Made(count=12, is_pair=False))
    assert {choice.path: choice.cases for choice in build_cases(report).fields} == {"date": 2, "tip": 2, "total": 2}
    plain = replace(report.candidate, outcomes=tuple(replace(each, fields=()) for each in report.candidate.outcomes))
    assert build_cases(replace(report, candidate=plain)).fields == ()
