"""Benchmarks that are loaded are asked of both models of a session; a family for each comes out."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from luthier.errors import MachineError
from luthier.evaluation.forgetting.benchmarks.asking import answer_questions
from luthier.evaluation.forgetting.benchmarks.judging import judge_benchmarks, pair_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.forgetting.benchmarks.question import Benchmark
    from luthier.evaluation.forgetting.finding import Family
    from luthier.evaluation.forgetting.session import Session


def load_benchmarks(names: Sequence[str], *, limit: int) -> tuple[Benchmark, ...]:
    """Tasks of lm-eval by name, or files with one, of at most `limit` rows each.

    Raises MachineError without lm-eval, FileMissing for rows that are not on this machine, and InvalidConfig.
    """
    if not names:
        return ()
    if find_spec("lm_eval") is None:
        raise MachineError(
            "benchmarks need the library lm-eval, which is not installed", hint="pip install 'luthier[benchmarks]'"
        )
    from luthier.evaluation.forgetting.benchmarks.harness import load_benchmark

    return tuple(load_benchmark(name, limit=limit) for name in dict.fromkeys(names))


def count_questions(benchmarks: Sequence[Benchmark]) -> int:
    """Of both models."""
    return 2 * sum(len(benchmark.questions) for benchmark in benchmarks)


def measure_benchmarks(session: Session, benchmarks: Sequence[Benchmark], *, margin: float) -> list[Family]:
    outcomes = []
    for benchmark in benchmarks:
        baseline, candidate = (
            benchmark.grade(answer_questions(session, model, benchmark.questions)) for model in session.models
        )
        outcomes.append(pair_items(benchmark.name, benchmark.metric, benchmark.source, baseline, candidate))
    return judge_benchmarks(outcomes, margin=margin)
