"""How long do the statistics of a comparison take for many cases, and is it less than five seconds for 100,000?

    python benchmarks/bench_statistics.py --cases 100000 --out statistics.json

Makes two results out of thin air, with scores, labels, clusters, metadata, two secondary criteria and a guardrail, and
computes everything that a report says about them: comparison, slices, confusion matrices, calibration and agreement.
Prints a table of medians over the rounds and writes every measurement. Ends with 1 when all of it takes too long.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.conversation import Message
from luthier.engine.protocol import Sampling
from luthier.evaluation.compare import compare_results
from luthier.evaluation.graders.protocol import Grade, LabelPair
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.pairs import number_clusters
from luthier.evaluation.result import EvalManifest, ModelResult, Outcome
from luthier.evaluation.slices import compute_slices
from luthier.evaluation.task import Criterion, Sample
from luthier.stats.agreement import measure_agreement
from luthier.stats.calibration import measure_calibration
from luthier.stats.classification import measure_labels

if TYPE_CHECKING:
    from collections.abc import Callable

CRITERIA = (
    Criterion(parse_grader("exact"), "secondary"),
    Criterion(parse_grader("contains:x"), "secondary"),
    Criterion(parse_grader("regex:x"), "guardrail"),
)
LABELS = np.array([f"label-{number}" for number in range(12)])
ALLOWED_SECONDS = 5.0
ALLOWED_FOR = 100_000


class Pair(NamedTuple):
    samples: list[Sample]
    baseline: ModelResult
    candidate: ModelResult


def build_pair(cases: int, *, cases_per_cluster: int) -> Pair:
    rng = np.random.default_rng(1)
    lengths, sources = rng.integers(20, 2000, cases).tolist(), rng.integers(0, 8, cases).tolist()
    clusters = (np.arange(cases) // cases_per_cluster).tolist() if cases_per_cluster > 1 else [""] * cases
    samples = [
        Sample(
            id=str(place),
            prompt=(Message("user", "x" * lengths[place]),),
            reference="",
            line=place + 1,
            fingerprint="",
            metadata={"source": sources[place], "row": place},
            cluster=str(clusters[place]),
        )
        for place in range(cases)
    ]
    wanted = rng.choice(LABELS, cases)
    return Pair(samples, build_result("base", 0.7, wanted), build_result("tuned", 0.72, wanted))


def build_result(model: str, rate: float, wanted: np.ndarray) -> ModelResult:
    rng = np.random.default_rng([len(wanted), round(100 * rate)])
    count = len(wanted)
    scores = np.where(rng.random(count) < rate, 1.0, rng.beta(2, 2, count)).tolist()
    others = (rng.random((count, len(CRITERIA))) < rate).tolist()
    similar = rng.beta(8, 2, count).tolist()
    got = np.where(rng.random(count) < rate, wanted, rng.choice(LABELS, count)).tolist()
    outcomes = tuple(
        Outcome(
            sample_id=str(place),
            line=place + 1,
            output="",
            kind="passed" if scores[place] == 1 else "failed",
            explanation="",
            prompt_hash="prompt",
            prompt_tokens=1,
            completion_tokens=1,
            was_trained_on=False,
            score=scores[place],
            label=LabelPair(str(wanted[place]), got[place]),
            others=(Grade(True, "", score=similar[place]), *(Grade(kind, "") for kind in others[place][1:])),
            mean_log_prob=float(np.log(similar[place])),
        )
        for place in range(count)
    )
    manifest = EvalManifest(
        task="task",
        data_fingerprint="data",
        grader="similarity",
        sampling=Sampling(),
        engine="torch",
        model=model,
        base="base",
        weights_hash=model,
        template_hash="template",
        criteria=tuple(criterion.grader.name for criterion in CRITERIA),
    )
    return ModelResult(manifest, outcomes)


def list_parts(pair: Pair) -> dict[str, Callable[[], object]]:
    samples, baseline, candidate = pair
    names = [sample.cluster for sample in samples]
    numbers = number_clusters(names)
    passed = [outcome.passed for outcome in candidate.outcomes]

    def read_labels(result: ModelResult) -> tuple[list[str], list[str]]:
        pairs = [outcome.label for outcome in result.outcomes if outcome.label is not None]
        return [each.wanted for each in pairs], [each.got for each in pairs]

    def measure_sureness() -> object:
        logs = [outcome.mean_log_prob for outcome in candidate.outcomes if outcome.mean_log_prob is not None]
        return measure_calibration(np.exp(logs).tolist(), passed)

    return {
        "comparison": lambda: compare_results(baseline, candidate, criteria=CRITERIA, clusters=names),
        "slices": lambda: compute_slices(samples, baseline, candidate),
        "labels of both": lambda: [measure_labels(*read_labels(each), clusters=numbers) for each in pair[1:]],
        "calibration": measure_sureness,
        "agreement": lambda: measure_agreement(*read_labels(candidate)),
    }


def measure_round(pair: Pair) -> dict[str, float]:
    seconds = {}
    for name, compute in list_parts(pair).items():
        started = perf_counter()
        compute()
        seconds[name] = perf_counter() - started
    return seconds | {"all": sum(seconds.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=ALLOWED_FOR)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    pairs = {
        f"{size} in a cluster" if size > 1 else "no clusters": build_pair(options.cases, cases_per_cluster=size)
        for size in (1, 7)
    }
    rounds = [{name: measure_round(pair) for name, pair in pairs.items()} for _ in range(options.rounds)]
    medians = {name: {part: median(each[name][part] for each in rounds) for part in rounds[0][name]} for name in pairs}
    print(f"{f'{options.cases} cases, seconds':<24}" + "".join(f"{name:>18}" for name in pairs))
    for part in next(iter(medians.values())):
        print(f"{part:<24}" + "".join(f"{medians[name][part]:>18.2f}" for name in pairs))
    if options.out:
        options.out.write_text(json.dumps({"cases": options.cases, "rounds": rounds}, indent=2), encoding="utf-8")
    slowest = max(each["all"] for each in medians.values())
    if slowest > ALLOWED_SECONDS * max(1.0, options.cases / ALLOWED_FOR):
        sys.exit(f"{slowest:.1f} s is more than {ALLOWED_SECONDS:.0f} s for {ALLOWED_FOR} cases")


if __name__ == "__main__":
    main()
