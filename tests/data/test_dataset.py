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


def test_tools_keep_the_order_of_their_keys(tmp_path: Path) -> None:
    """The template prints them as they are written, so another order would be another prompt."""
    properties = {"zip": {"type": "string"}, "city": {"type": "string"}}
    function = {"name": "find", "parameters": {"type": "object", "properties": properties}}
    messages = [{"role": "user", "content": "where?"}, {"role": "assistant", "content": "here"}]
    row = {"messages": messages, "tools": [{"type": "function", "function": function}]}
    (example,) = load_dataset(write(tmp_path / "a.jsonl", json.dumps(row)), minimum=1).examples
    assert json.dumps(example.to_row()) == json.dumps(row)


def test_metadata_of_a_pair_is_kept_wherever_it_stands(tmp_path: Path) -> None:
    outputs = {key: [{"role": "assistant", "content": key}] for key in ("preferred_output", "non_preferred_output")}
    prompt = {"messages": [{"role": "user", "content": "hello"}], "metadata": {"customer": 7}}
    inner = json.dumps({"input": prompt, **outputs})
    both = json.dumps({"input": prompt, **outputs, "metadata": {"rater": "Ann"}})
    first, second = load_dataset(write(tmp_path / "a.jsonl", inner, both), minimum=1).examples
    assert first.metadata == {"customer": 7}
    assert second.metadata == {"input": {"customer": 7}, "rater": "Ann"}
