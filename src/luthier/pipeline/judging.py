"""From a kept report to a table that people label, and from their labels to how far a judge may be trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import InvalidConfig, NameTaken, UnknownArtefact, did_you_mean
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from luthier.evaluation.judging.agreement import JudgeAgreement
    from luthier.evaluation.report import EvalReport
    from luthier.pipeline.engines import EngineKind
    from luthier.store.catalog import Artefact
    from luthier.store.home import Home

DEFAULT_COUNT = 40


class Sheet(NamedTuple):
    """`rows` answers of the report stand in `path`, of which the judge, whatever it was, passed so many."""

    path: Path
    report: str
    rows: int
    passed: int


def write_label_sheet(report: str | None, out: Path, *, count: int = DEFAULT_COUNT, home: Home | None = None) -> Sheet:
    """Of the kept report of that name or fingerprint, or of the latest. Raises NameTaken rather than replace a file:
    somebody's labels may be in it."""
    from luthier.conversation import fingerprint_json
    from luthier.evaluation.judging.sheet import choose_answers, write_sheet
    from luthier.store.files import write_atomic

    if out.exists():
        raise NameTaken(f"{out} exists already, maybe with labels", hint="name another file, or delete it first")
    found = find_report(home or open_home(), report)
    conditions = found.candidate.manifest
    seed = fingerprint_json([conditions.data_fingerprint, conditions.grader])
    answers = choose_answers(found.samples, found.results, count, seed=seed)
    # With the mark at its start, by which spreadsheets know UTF-8.
    write_atomic(out, write_sheet(answers).encode("utf-8-sig", "surrogatepass"))
    return Sheet(out, found.name, len(answers), sum(answer.passed for answer in answers))


def check_labels(
    labels: Path,
    data: Path | str,
    grader: str,
    *,
    engine: EngineKind = "torch",
    home: Home | None = None,
    progress: Progress = Progress(),
) -> JudgeAgreement:
    """Any grader may be held against people; of a judge it decides whether its word counts."""
    from luthier.evaluation.graders.registry import parse_grader
    from luthier.evaluation.judging.checking import check_judge
    from luthier.evaluation.judging.labels import read_labels
    from luthier.evaluation.task import build_samples
    from luthier.pipeline.data import load_test_set
    from luthier.pipeline.engines import use_engine
    from luthier.pipeline.grading import open_grading_tools

    home = home or open_home()
    known = read_labels(labels)
    if not known:
        raise InvalidConfig(f"{labels} holds no labels yet", hint="write yes or no in the column `passed`")
    samples = build_samples(load_test_set(Path(data)))
    with use_engine(engine, home, announce=progress.announce) as opened:
        judge = parse_grader(grader, tools=open_grading_tools(home, opened, progress=progress))
        return check_judge(judge, known, samples)


def find_report(home: Home, name: str | None) -> EvalReport:
    """By the name of its test, or the beginning of its fingerprint; None for the latest. Raises UnknownArtefact."""
    from luthier.evaluation.report import EvalReport
    from luthier.store.catalog import list_artefacts

    kept = [each for each in list_artefacts(home.database, "report") if _holds_answers(each)]
    for each in kept:
        if name is None or each.name == name or each.fingerprint.startswith(name):
            document = json.loads(home.blobs.get(each.manifest["blob"]))
            if "kind" not in document:  # as an advice has, whose rungs are not all models that can be named
                return EvalReport.from_json(document)
    hint = did_you_mean(name, {each.name for each in kept}) if name and kept else "`luthier eval` keeps one"
    raise UnknownArtefact(f"no report is kept{f' of {name!r}' if name else ''}", hint=hint)


def _holds_answers(report: Artefact) -> bool:
    """Rather than pairs of answers that were put in order, for which nobody samples."""
    return all("sampling" in conditions for conditions in report.manifest["manifests"].values())
