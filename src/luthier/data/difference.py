"""Two states of a dataset become what happened between them: rows added, removed and changed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.conversation import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from luthier.data.dataset import Dataset, Example


class Change(NamedTuple):
    """One row as it was and as it is. `parts` are those that differ: prompt, answer, tools, metadata."""

    old: Example
    new: Example
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """`is_reordered` says that the rows that did not change stand in another order."""

    added: tuple[Example, ...]
    removed: tuple[Example, ...]
    changed: tuple[Change, ...]
    unchanged: int
    is_reordered: bool

    @property
    def counts(self) -> dict[str, int]:
        return {
            "added": len(self.added),
            "removed": len(self.removed),
            "changed": len(self.changed),
            "unchanged": self.unchanged,
        }


def compare_datasets(old: Dataset, new: Dataset) -> Difference:
    """A changed row has the `id` in its metadata, the content or the prompt of an old one, in this order of weight."""
    same = _pair_rows(old.examples, new.examples, lambda example: example.fingerprint)
    left, come = _drop_paired(old.examples, new.examples, same)
    pairs: list[tuple[Example, Example]] = []
    for key in (_read_id, lambda example: example.content_fingerprint, lambda example: example.prompt_fingerprint):
        found = _pair_rows(left, come, key)
        pairs += found
        left, come = _drop_paired(left, come, found)
    changed = [Change(one, other, _name_parts(one, other)) for one, other in pairs]
    lines = [new_row.line for _, new_row in sorted(same, key=lambda pair: pair[0].line)]
    return Difference(
        added=tuple(come),
        removed=tuple(left),
        changed=tuple(sorted(changed, key=lambda change: change.new.line)),
        unchanged=len(same),
        is_reordered=lines != sorted(lines),
    )


def _pair_rows(
    old: Sequence[Example], new: Sequence[Example], key: Callable[[Example], Hashable]
) -> list[tuple[Example, Example]]:
    """Rows of an equal key, the first with the first; None is no key."""
    waiting: dict[Hashable, list[Example]] = defaultdict(list)
    for example in reversed(old):
        waiting[key(example)].append(example)
    waiting.pop(None, None)
    return [(waiting[key(example)].pop(), example) for example in new if waiting.get(key(example))]


def _drop_paired(
    old: Sequence[Example], new: Sequence[Example], pairs: Sequence[tuple[Example, Example]]
) -> tuple[list[Example], list[Example]]:
    gone, come = {one.line for one, _ in pairs}, {other.line for _, other in pairs}
    return [one for one in old if one.line not in gone], [other for other in new if other.line not in come]


def _read_id(example: Example) -> str | None:
    value: Any = example.metadata.get("id")
    return None if value is None else canonical_json(value)


def _name_parts(old: Example, new: Example) -> tuple[str, ...]:
    one, other = old.conversation, new.conversation
    differs = {
        "prompt": one.prompt != other.prompt,
        "answer": (one.answer, old.rejected) != (other.answer, new.rejected),
        "tools": one.tools != other.tools,
        "metadata": old.extras != new.extras,
    }
    return tuple(part for part, is_other in differs.items() if is_other)
