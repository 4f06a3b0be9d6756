"""How long does `luthier check` take for a large file, how much memory, and does its time grow with the rows alone?

    python benchmarks/bench_check.py --rows 200000 --out check.json

Writes synthetic rows of about 500 bytes, checks a quarter, a half and all of them with every rule that needs no model,
each in a process of its own, in turns. Prints a table of medians and writes every measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM = "Summarise the message of the customer as JSON with the keys intent, product, urgency and summary."
INTENTS = ("refund", "delivery", "complaint", "question", "praise")
PRODUCTS = ("violin", "viola", "cello", "bow", "case", "rosin", "strings", "music stand")
LETTERS = (
    "the order arrived late with a broken bridge and nobody answered my letter so please tell me when I can expect "
    "another one because our concert is next week and without it we cannot play yesterday's evening was lovely though "
    "and your colleague in the shop was kind enough to lend us an instrument for rehearsal which sounded warm and clear"
)


class Measurement(NamedTuple):
    rows: int
    megabytes: float
    seconds: float
    peak_megabytes: float


def generate_rows(count: int, *, seed: int = 1) -> Iterator[str]:
    dice = random.Random(seed)
    words = LETTERS.split()
    for number in range(count):
        text = " ".join(dice.choices(words, k=dice.randrange(20, 50)))
        answer = {
            "intent": dice.choice(INTENTS),
            "product": dice.choice(PRODUCTS),
            "urgency": dice.randrange(1, 6),
            "summary": " ".join(dice.choices(words, k=8)),
        }
        messages = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": f"{text}, order {number}."},
            {"role": "assistant", "content": json.dumps(answer)},
        ]
        yield json.dumps({"messages": messages})


def measure_check(file: Path, rows: int) -> Measurement:
    """In a process of its own, whose largest resident set is then known."""
    started = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "luthier", "check", str(file), "--json"], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = perf_counter() - started
    if process.returncode not in (0, 1):
        raise SystemExit(f"the check of {file} ended with {process.returncode}")
    return Measurement(rows, file.stat().st_size / 1e6, seconds, usage.ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    counts = [options.rows // 4, options.rows // 2, options.rows]
    measurements: list[Measurement] = []
    with tempfile.TemporaryDirectory() as folder:
        files = {count: Path(folder) / f"{count}.jsonl" for count in counts}
        for count, file in files.items():
            file.write_text("".join(f"{row}\n" for row in generate_rows(count)), encoding="utf-8")
        for _ in range(options.rounds):
            measurements += [measure_check(file, count) for count, file in files.items()]
    print(f"{'rows':>9}  {'MB':>7}  {'seconds':>8}  {'rows/s':>8}  {'peak MB':>8}")
    for count in counts:
        runs = [run for run in measurements if run.rows == count]
        seconds, peak = median(run.seconds for run in runs), max(run.peak_megabytes for run in runs)
        size = runs[0].megabytes
        print(f"{count:>9}  {size:>7.1f}  {seconds:>8.1f}  {count / seconds:>8.0f}  {peak:>8.0f}")
    if options.out:
        options.out.write_text(json.dumps([run._asdict() for run in measurements], indent=2))


if __name__ == "__main__":
    main()
