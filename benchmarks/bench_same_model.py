"""Does a model that is held against itself under two names ever win? Real answers, drawn anew for each side.

    python benchmarks/bench_same_model.py rows.jsonl --model orders-v1 --runs 20 --cases 30 --out same_model.json

Works with a model of the home folder. The runs are of different rows while these last, at a temperature at which the
two sides differ. Prints one row for each run and writes all. Ends with 1 when more than one in twenty has a winner.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.protocol import Sampling
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.report import build_report
from luthier.evaluation.runner import run_evaluation
from luthier.evaluation.task import build_task
from luthier.pipeline import load_test_set, open_home
from luthier.pipeline.engines import start_torch

if TYPE_CHECKING:
    from luthier.data.dataset import Dataset
    from luthier.engine.protocol import Engine
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.task import EvalTask

LARGEST_SHARE_OF_WINNERS = 0.05


class Run(NamedTuple):
    passed: tuple[int, int]
    fixed: int
    broken: int
    decision: str
    reason: str


def main() -> int:
    options = read_options()
    rows = load_test_set(options.data)
    with closing(start_torch(open_home())) as engine:
        runs = [play(engine, options, choose_rows(rows, number, options.cases)) for number in range(options.runs)]
    for run in runs:
        print(f"{run.passed[0]:4} {run.passed[1]:4}  fixed {run.fixed:3}  broken {run.broken:3}  {run.decision}")
    counts = Counter(run.decision for run in runs)
    print(dict(counts))
    if options.out is not None:
        options.out.write_text(json.dumps([run._asdict() for run in runs], indent=2))
    return int(options.runs - counts["cannot_tell"] > LARGEST_SHARE_OF_WINNERS * options.runs)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--grader", default="json")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def choose_rows(rows: Dataset, number: int, count: int) -> Dataset:
    """The next ones, from the start again after the last."""
    places = [(number * count + step) % len(rows.examples) for step in range(count)]
    return replace(rows, examples=tuple(rows.examples[place] for place in places))


def play(engine: Engine, options: argparse.Namespace, rows: Dataset) -> Run:
    sampling = Sampling(temperature=options.temperature, max_tokens=options.max_tokens)
    task = build_task(rows, parse_grader(options.grader), sampling)
    before, after = (answer_as(name, engine, options.model, task) for name in ("one name", "another name"))
    report = build_report(task, after, baseline=before)
    comparison, verdict = report.comparison, report.verdict
    passed = (before.passed, after.passed)
    return Run(passed, comparison.fixed, comparison.broken, verdict.decision, verdict.reasons[1])


def answer_as(name: str, engine: Engine, model: str, task: EvalTask) -> ModelResult:
    """Rows that the model learned from serve here as well as others: both sides learned from the same."""
    result = run_evaluation(engine, model, task)
    outcomes = tuple(replace(outcome, was_trained_on=False) for outcome in result.outcomes)
    return replace(result, manifest=replace(result.manifest, model=name), outcomes=outcomes)


if __name__ == "__main__":
    sys.exit(main())
