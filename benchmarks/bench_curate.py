"""Does a curated half of noisy data train a better model than all of it, and which signal finds which noise?

    python benchmarks/bench_curate.py detect --data snips.jsonl --out detection.json
    python benchmarks/bench_curate.py train --data snips.jsonl --out training.json

The data are chats whose answers are JSON with intent and slots. They are split first; then 30 percent of the training
rows are spoilt in six known ways, while validation and test stay clean. `detect` counts, for several seeds, how much of
the noise each signal flags and how much of what it flags is noise. `train` trains the same base in the same way on all
of it, on a curated half, on a random half and on the half with the longest answers, and compares them on the test set
in pairs. Prints one table each and writes every measurement. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from planted_noise import KINDS, plant_noise

import luthier  # noqa: F401  (before torch, whose threads it sets)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planted_noise import NoisyRows

    from luthier.curation.proposal import Proposal
    from luthier.data.splits.split import Splits

FRACTIONS = (0.64, 0.06, 0.3)
NOISE = 0.3
EPOCHS = 3


class Side(NamedTuple):
    """A training set: the places of its rows among the noisy ones."""

    name: str
    places: tuple[int, ...]
    epochs: int = EPOCHS


def split_rows(data: Path, seed: int) -> Splits:
    from luthier.data.reading import load_dataset
    from luthier.data.splits.options import choose_options
    from luthier.data.splits.split import split_dataset

    return split_dataset(load_dataset(data), choose_options({"fractions": FRACTIONS, "seed": seed}))


def spoil_training_rows(splits: Splits, seed: int) -> NoisyRows:
    return plant_noise([example.to_row() for example in splits.train.examples], fraction=NOISE, seed=seed)


def write_rows(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    return path


def curate_rows(noisy: NoisyRows, work: Path, *, base: str | None) -> Proposal:
    from luthier.pipeline import curate

    train = write_rows(noisy.rows, work / "train.jsonl")
    return curate(train, work / "curated.jsonl", base=base, replaces=True)


def detect_noise(data: Path, work: Path, *, seeds: Sequence[int], base: str | None) -> dict[str, Any]:
    """By signal, and by all together: what is flagged, of which kind, over all seeds."""
    flags: dict[str, Counter[str]] = {}
    planted: Counter[str] = Counter()
    noise_kept = kept = 0
    for seed in seeds:
        noisy = spoil_training_rows(split_rows(data, seed), seed)
        proposal = curate_rows(noisy, work / f"detect-{seed}", base=base)
        planted.update(kind or "sound" for kind in noisy.kinds)
        for row, kind in zip(proposal.rows, noisy.kinds, strict=True):
            kept += row.is_kept
            noise_kept += row.is_kept and kind is not None
            if row.scores and row.is_suspect:
                flags.setdefault("all signals", Counter())[kind or "sound"] += 1
            for blame in row.reasons:
                if row.scores and blame.share > 0:
                    flags.setdefault(blame.signal, Counter())[kind or "sound"] += 1
    return {
        "seeds": list(seeds),
        "planted": dict(planted),
        "kept": kept,
        "noise_kept": noise_kept,
        "flags": {signal: dict(counts) for signal, counts in flags.items()},
    }


def choose_sides(noisy: NoisyRows, proposal: Proposal, *, seed: int) -> list[Side]:
    """Half of the rows see half of the steps in as many epochs, and all of them in twice as many."""
    count = len(noisy.rows)
    half = len(proposal.kept.examples)
    by_length = sorted(range(count), key=lambda place: -len(noisy.rows[place]["messages"][-1]["content"]))
    # A sequence of its own: that of the seed alone chose the rows to spoil, and would choose the very same again.
    chosen = tuple(sorted(random.Random(f"half {seed}").sample(range(count), half)))
    curated = tuple(row.line - 1 for row in proposal.rows if row.is_kept)
    return [
        Side("all", tuple(range(count))),
        Side("curated half, equal steps", curated, 2 * EPOCHS),
        Side("curated half, equal epochs", curated),
        Side("random half, equal steps", chosen, 2 * EPOCHS),
        Side("random half, equal epochs", chosen),
        Side("longest half, equal steps", tuple(sorted(by_length[:half])), 2 * EPOCHS),
    ]


def train_sides(data: Path, work: Path, out: Path, *, seed: int, base: str) -> dict[str, Any]:
    """Writes what is known after each side, so that a table can be read before the last is done."""
    from luthier import pipeline

    splits = split_rows(data, seed)
    noisy = spoil_training_rows(splits, seed)
    proposal = curate_rows(noisy, work / "proposal", base=base)
    results: dict[str, Any] = {"seed": seed, "base": base, "test_rows": len(splits.test.examples), "sides": []}
    for number, side in enumerate(choose_sides(noisy, proposal, seed=seed)):
        folder = work / f"side-{number}"
        write_rows([noisy.rows[place] for place in side.places], folder / "train.jsonl")
        for name in ("validation", "test"):
            write_rows([row.to_row() for row in splits.sides[name].examples], folder / f"{name}.jsonl")
        model = pipeline.tune(folder, base=base, name=f"curate-{seed}-{number}", settings={"epochs": side.epochs})
        result = pipeline.evaluate(model.name, folder, grader="json").candidate
        results["sides"].append(
            {
                "side": side.name,
                "rows": len(side.places),
                "noisy_rows": sum(noisy.kinds[place] is not None for place in side.places),
                "steps": model.card.metrics["steps"],
                "seconds": model.card.metrics["seconds"],
                "validation_loss": model.card.metrics["validation_loss"],
                "passed": [outcome.passed for outcome in result.outcomes],
            }
        )
        out.write_text(json.dumps(results, indent=2))
        print_training(results)
    return results


def print_detection(found: dict[str, Any]) -> None:
    planted = found["planted"]
    noise = sum(count for kind, count in planted.items() if kind != "sound")
    print(f"{'flagged, of those planted':14}{'':3}" + "".join(f"{kind:>16}" for kind in (*KINDS, "sound")))
    for signal, counts in sorted(found["flags"].items(), key=lambda item: item[0] != "all signals"):
        hits = sum(count for kind, count in counts.items() if kind != "sound")
        cells = "".join(f"{counts.get(kind, 0):>10} of {planted[kind]:<3}"[-16:] for kind in (*KINDS, "sound"))
        print(f"{signal:28}{cells}  precision {hits / (hits + counts.get('sound', 0)):.2f}, recall {hits / noise:.2f}")
    print(f"noise in the half that is kept: {found['noise_kept']} of {found['kept']} rows")


def print_training(results: dict[str, Any]) -> None:
    from luthier.stats.paired import mcnemar_exact

    first = results["sides"][0]["passed"]
    print(f"\n{'trained on':28}{'rows':>6}{'noisy':>7}{'steps':>7}{'val. loss':>11}{'right':>12}  against all")
    for side in results["sides"]:
        pairs = list(zip(first, side["passed"], strict=True))
        fixed = sum(after and not before for before, after in pairs)
        broken = sum(before and not after for before, after in pairs)
        right = f"{sum(side['passed'])} of {len(first)}"
        verdict = (
            f"+{fixed} -{broken}, p = {mcnemar_exact(fixed, broken):.3g}" if side is not results["sides"][0] else ""
        )
        print(
            f"{side['side']:28}{side['rows']:>6}{side['noisy_rows']:>7}{side['steps']:>7}"
            f"{side['validation_loss']:>11.4f}{right:>12}  {verdict}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("detect", "train"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("bench_curate"), help="folder for what is made on the way")
    parser.add_argument("--out", type=Path, default=Path("curate.json"))
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--no-model", action="store_true", help="detect without the base's losses")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="train takes the first alone")
    options = parser.parse_args()
    if options.part == "detect":
        base = None if options.no_model else options.base
        found = detect_noise(options.data, options.work, seeds=options.seeds, base=base)
        options.out.write_text(json.dumps(found, indent=2))
        print_detection(found)
    else:
        train_sides(options.data, options.work, options.out, seed=options.seeds[0], base=options.base)


if __name__ == "__main__":
    main()
