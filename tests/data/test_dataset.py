"""A dataset's fingerprint follows its rows and their order, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from luthier.data.reading import load_dataset
from tests.data.rows import many, write

if TYPE_CHECKING:
    from pathlib import Path


def test_fingerprint_ignores_spacing_key_order_and_blank_lines(tmp_path: Path) -> None:
    rows = many(10)
    respaced = [json.dumps(json.loads(row), separators=(" , ", " : "), sort_keys=True) for row in rows]
    plain = load_dataset(write(tmp_path / "a.jsonl", *rows))
    spaced = load_dataset(write(tmp_path / "b.jsonl", "", *respaced))
    assert plain.fingerprint == spaced.fingerprint
    assert plain.manifest() == {
        "kind": "dataset",
        "name": "a",
        "rows": 10,
        "fingerprint": plain.fingerprint,
    }


def test_fingerprint_follows_contents_and_order(tmp_path: Path) -> None:
    rows = many(10)
    variants = [rows, rows[::-1], [*rows, rows[0]], [rows[0].replace("answer 0", "answer o"), *rows[1:]]]
    files = [write(tmp_path / f"{number}.jsonl", *lines) for number, lines in enumerate(variants)]
    assert len({load_dataset(file).fingerprint for file in files}) == 4
