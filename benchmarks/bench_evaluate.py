"""How long do two models take for one test, from no model loaded to the verdict, and is it under three minutes?

    python benchmarks/bench_evaluate.py rows.jsonl --candidate orders-v1 --cases 200 --max-tokens 64 --out evaluate.json

Works with the models of the home folder. Nothing is kept or taken from an earlier run: every answer is computed. Prints
one row for each round and writes every measurement. Ends with 1 when the median of a test of 200 cases takes too long.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

from luthier.engine.protocol import Sampling
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.report import build_report
from luthier.evaluation.runner import Contestant, run_evaluations
from luthier.evaluation.task import build_task
from luthier.pipeline import load_test_set, open_home
from luthier.pipeline.engines import start_torch

ALLOWED_SECONDS = 180.0
ALLOWED_FOR = 200


class Round(NamedTuple):
    """`load` is the operating system's: runnable processes, this one among them, in the mean of the last minute."""

    seconds: float
    load: float
    tokens: int
    decision: str


def main() -> int:
    options = read_options()
    rounds = [run_round(options) for _ in range(options.rounds)]
    print(f"{'seconds':>9}  {'load':>5}  {'tokens':>7}  {'tokens/s':>8}  verdict")
    for each in rounds:
        rate = each.tokens / each.seconds
        print(f"{each.seconds:9.1f}  {each.load:5.1f}  {each.tokens:7}  {rate:8.0f}  {each.decision}")
    middle = median(each.seconds for each in rounds)
    document = {"options": {key: str(value) for key, value in vars(options).items()}, "median_seconds": middle}
    if options.out is not None:
        options.out.write_text(json.dumps({**document, "rounds": [each._asdict() for each in rounds]}, indent=2))
    return int(middle > ALLOWED_SECONDS and options.cases <= ALLOWED_FOR)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--baseline", default="smollm2-135m")
    parser.add_argument("--candidate", required=True)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--grader", default="json")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def run_round(options: argparse.Namespace) -> Round:
    rows = load_test_set(options.data)
    dataset = replace(rows, examples=rows.examples[: options.cases])
    task = build_task(dataset, parse_grader(options.grader), Sampling(max_tokens=options.max_tokens))
    start = perf_counter()
    with closing(start_torch(open_home())) as engine:
        contestants = [Contestant(engine, model) for model in (options.baseline, options.candidate)]
        before, after = run_evaluations(contestants, task)
    report = build_report(task, after, baseline=before)
    seconds = perf_counter() - start
    tokens = sum(outcome.completion_tokens for result in report.results for outcome in result.outcomes)
    return Round(seconds, os.getloadavg()[0], tokens, report.verdict.decision if report.verdict else "")


if __name__ == "__main__":
    sys.exit(main())
