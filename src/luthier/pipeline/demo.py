"""The whole loop in one call, on the data that comes with Luthier."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.data.examples import example_path
from luthier.pipeline.checking import check
from luthier.pipeline.data import split
from luthier.pipeline.evaluating.pages import write_report
from luthier.pipeline.evaluation import compare
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress
from luthier.pipeline.training import DEFAULT_BASE, tune

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.check import CheckReport
    from luthier.data.splits.split import Splits
    from luthier.evaluation.report import EvalReport
    from luthier.models.registry import TunedModel
    from luthier.store.home import Home


class DemoResult(NamedTuple):
    checked: CheckReport
    splits: Splits
    model: TunedModel
    report: EvalReport


def demo(*, report: Path, home: Home | None = None, progress: Progress = Progress()) -> DemoResult:
    """The whole loop on the data that comes with Luthier; what is there already is not done again."""
    home = home or open_home()
    data = home.path / "demo"
    progress.start_stage("check")
    checked = check(example_path())
    progress.announce(f"{checked.summary['rows']} orders, {checked.summary['errors']} errors")
    progress.start_stage("split")
    splits = split(example_path(), data)
    progress.announce(", ".join(f"{side} {len(rows.examples)}" for side, rows in splits.sides.items()))
    progress.start_stage("tune")
    model = tune(data, recipe="orders", home=home, progress=progress)
    progress.start_stage("compare")
    result = compare(DEFAULT_BASE, model.name, data, grader="json", home=home, progress=progress)
    write_report(result, report, data=data, home=home, choices={"grader": "json"})
    return DemoResult(checked, splits, model, result)
