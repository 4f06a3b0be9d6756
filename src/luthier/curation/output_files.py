"""A proposal becomes two files: the rows kept, and a ledger that says of every row what became of it and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luthier.data.splits.dealing import SIDES
from luthier.errors import NameTaken, UsageError
from luthier.store.files import is_read, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from luthier.curation.proposal import Proposal

HELD_OUT = tuple(side for side in SIDES if side != "train")


def ledger_path(out: Path) -> Path:
    return out.with_suffix(".ledger.jsonl")


def refuse_paths(file: Path, out: Path) -> None:
    """Raises UsageError for a file that must not be curated, or that would be written over itself."""
    if file.stem in HELD_OUT and (file.parent / "train.jsonl").exists():
        raise UsageError(
            f"{file} is held out: a set that was chosen to be easy measures nothing",
            hint=f"curate {file.parent / 'train.jsonl'}",
        )
    if all((file / f"{side}.jsonl").exists() for side in SIDES):
        raise UsageError(f"{file} is a split, of which the training rows alone are curated", hint=f"{file}/train.jsonl")
    if out.is_dir():
        raise UsageError(f"{out} is a folder", hint="name the file to write")
    for path in (out, ledger_path(out)):
        if is_read(path, file):
            raise UsageError(f"{path} is the file to be curated", hint="name another one; this one stays as it is")


def is_split_off(file: Path) -> bool:
    """Whether a test set was put aside before."""
    return (file.parent / "test.jsonl").exists()


def write_proposal(proposal: Proposal, out: Path, *, replaces: bool = False) -> None:
    """The ledger first, so that no rows stand without it. Raises NameTaken for files that hold something else."""
    texts = {
        ledger_path(out): _to_lines(row.to_json() for row in proposal.rows),
        out: _to_lines(example.to_row() for example in proposal.kept.examples),
    }
    for path, text in texts.items():
        if not replaces and path.exists() and path.read_bytes() != text.encode():
            raise NameTaken(
                f"{path} exists and holds something else",
                hint="name another file with --out, or replace this one with --force",
            )
    for path, text in texts.items():
        write_atomic(path, text)


def _to_lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n" for row in rows)
