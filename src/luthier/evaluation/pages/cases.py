"""The cases of a report become groups in the order in which a reader should look at them, with what they can be
filtered by."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.compare import is_fixed
from luthier.evaluation.pages.answers import CaseView, build_case, find_room

if TYPE_CHECKING:
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.result import Outcome

# Key, title and note, in the order in which a reader should look at what came out.
PAIR_GROUPS = {
    "broken": ("Broken", "passed before, not any more"),
    "fixed": ("Fixed", "not passed before, passed now"),
    "not-compared": ("Not compared", "passed now, but the baseline has no graded answer to beat"),
    "both-wrong": ("Both wrong", "passed by neither"),
    "both-right": ("Both right", "passed by both"),
}
SINGLE_GROUPS = {
    "not-passed": ("Not passed", "wrong, cut off or without an answer"),
    "right": ("Passed", "as the reference wants it"),
}
QUIET_GROUPS = ("both-right", "right")
SHOWN_AT_ONCE = 20  # cases of a group; the others open on demand
OPEN_AT_ONCE = {"broken": 3, "not-passed": 3, "fixed": 1}


class CaseGroup(NamedTuple):
    """`cases` are there at once, `more` behind one more click; the first `open_count` cases are open."""

    key: str
    title: str
    note: str
    cases: tuple[CaseView, ...]
    more: tuple[CaseView, ...]
    open_count: int

    @property
    def total(self) -> int:
        return len(self.cases) + len(self.more)


class FieldChoice(NamedTuple):
    path: str
    cases: int


class CaseList(NamedTuple):
    groups: tuple[CaseGroup, ...]
    fields: tuple[FieldChoice, ...]


def build_cases(report: EvalReport) -> CaseList:
    """Groups without a case are left out."""
    names = PAIR_GROUPS if report.baseline else SINGLE_GROUPS
    found: dict[str, list[CaseView]] = {key: [] for key in names}
    room = find_room(len(report.samples), len(report.results))
    for index, sample in enumerate(report.samples):
        before = report.baseline.outcomes[index] if report.baseline else None
        key = find_group(before, report.candidate.outcomes[index])
        found[key].append(build_case(sample, report.results, index, room=room))
    groups = tuple(build_group(key, names[key], cases) for key, cases in found.items() if cases)
    paths = Counter(path for cases in found.values() for case in cases for path in case.error_paths)
    return CaseList(groups, tuple(FieldChoice(*pair) for pair in sorted(paths.items())))


def build_group(key: str, words: tuple[str, str], cases: list[CaseView]) -> CaseGroup:
    shown = 0 if key in QUIET_GROUPS else SHOWN_AT_ONCE
    return CaseGroup(key, *words, tuple(cases[:shown]), tuple(cases[shown:]), OPEN_AT_ONCE.get(key, 0))


def find_group(before: Outcome | None, after: Outcome) -> str:
    if before is None:
        return "right" if after.passed else "not-passed"
    if after.passed:
        return "both-right" if before.passed else "fixed" if is_fixed(before, after) else "not-compared"
    return "broken" if before.passed else "both-wrong"
