"""The tools that rows offer, in; out comes by name how many rows define the tool in which way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from luthier.conversation import canonical_json
from luthier.data.answers.sightings import Sightings

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LISTS = 5_000
"""Different lists of tools that are remembered; in a file with more, nothing is said about tools."""


class ToolDefinitions:
    """Rows are told apart by the hash of their list of tools, so that each list is read once."""

    def __init__(self) -> None:
        self.is_open = True
        self.sightings: dict[str, dict[int, Sightings]] = {}
        self._lists: dict[int, list[Sightings]] = {}

    def add(self, tools: str, line: int) -> None:
        """`tools` is the JSON text of a row's list; definitions that differ in their description count as different."""
        if not self.is_open:
            return
        key = hash(tools)
        if key not in self._lists:
            self._lists[key] = list(self._find_sightings(tools))
            self.is_open = len(self._lists) <= MOST_LISTS
        for sightings in self._lists[key]:
            sightings.add(line)

    def _find_sightings(self, tools: str) -> Iterator[Sightings]:
        for tool in json.loads(tools):
            definitions = self.sightings.setdefault(tool["function"]["name"], {})
            yield definitions.setdefault(hash(canonical_json(tool["function"])), Sightings())
