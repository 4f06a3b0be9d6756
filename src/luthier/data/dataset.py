"""Examples under one name, with the fingerprint by which later artefacts know them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.conversation import Conversation


@dataclass(frozen=True)
class Example:
    """`line` is where the row stands in its file, from 1."""

    conversation: Conversation
    line: int

    @cached_property
    def fingerprint(self) -> str:
        return self.conversation.fingerprint()

    @cached_property
    def prompt_fingerprint(self) -> str:
        return self.conversation.prompt_fingerprint()


@dataclass(frozen=True)
class Dataset:
    """`path` is the file that the lines of the examples refer to."""

    name: str
    path: Path
    examples: tuple[Example, ...]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the rows in order; white space and key order in the file do not count."""
        digest = hashlib.sha256()
        for example in self.examples:
            digest.update(example.fingerprint.encode())
        return digest.hexdigest()

    def manifest(self) -> dict[str, Any]:
        return {
            "kind": "dataset",
            "name": self.name,
            "rows": len(self.examples),
            "fingerprint": self.fingerprint,
        }
