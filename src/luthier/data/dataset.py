"""Examples under one name, with the fingerprint by which later artefacts know them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from luthier.conversation import Conversation, fingerprint_json

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.conversation import Message


@dataclass(frozen=True)
class Example:
    """A row to learn from; `line` is where it stands in its file, from 1.

    In a preference pair, `conversation` ends with the preferred answer and `rejected` is the other one. `extras` is
    a JSON object of the keys that training does not read, such as metadata; "" when there are none.
    """

    conversation: Conversation
    line: int
    rejected: Message | None = None
    extras: str = ""

    @cached_property
    def fingerprint(self) -> str:
        """Of everything that is written to a file."""
        return fingerprint_json(self.to_row())

    @cached_property
    def content_fingerprint(self) -> str:
        """Of what is learned: the same for two rows that differ in their extras alone."""
        return fingerprint_json(self._content()) if self.extras else self.fingerprint

    @cached_property
    def prompt_fingerprint(self) -> str:
        return self.conversation.prompt_fingerprint()

    @property
    def metadata(self) -> dict[str, Any]:
        metadata = json.loads(self.extras).get("metadata") if self.extras else None
        return metadata if isinstance(metadata, dict) else {}

    def to_row(self) -> dict[str, Any]:
        """In OpenAI's chat or preference format."""
        row = self._content()
        extras = json.loads(self.extras) if self.extras else {}
        if self.rejected is not None and "parallel_tool_calls" in extras:
            row["input"]["parallel_tool_calls"] = extras.pop("parallel_tool_calls")
        return {**row, **extras}

    def _content(self) -> dict[str, Any]:
        if self.rejected is None:
            return self.conversation.to_openai()
        prompt = Conversation(self.conversation.prompt, self.conversation.tools)
        return {
            "input": prompt.to_openai(),
            "preferred_output": [self.conversation.answer.to_openai()],
            "non_preferred_output": [self.rejected.to_openai()],
        }


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

    @property
    def is_preference(self) -> bool:
        """Whether the rows are pairs of a preferred and a rejected answer."""
        return any(example.rejected is not None for example in self.examples)

    def manifest(self) -> dict[str, Any]:
        return {
            "kind": "dataset",
            "name": self.name,
            "rows": len(self.examples),
            "fingerprint": self.fingerprint,
        }
