"""Rows of a file become bonds: why which of them must not be parted by a split."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from luthier.conversation import Conversation, canonical_json
from luthier.data.likeness.shingles import fold_text
from luthier.data.likeness.similarity import group_similar
from luthier.data.likeness.sketches import comparable_text
from luthier.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from luthier.conversation import Message
    from luthier.data.dataset import Example
    from luthier.data.splits.options import SplitOptions

TELLING_BYTES = 20
"""UTF-8 bytes of a text that means something by itself, as "hello" and "go on" do not.

Bytes, because a Chinese character says about as much as three letters.
"""

PUNCTUATION = ".,;:!?…'\"`´’‘“”«»()[]。，、！？；："


class Bonds(NamedTuple):
    """For each row three keys; rows with an equal key belong together, and None ties to nobody.

    `openings` are how conversations begin, `groups` what somebody chose to keep together, and `clusters` number the
    prompts that nearly say the same.
    """

    openings: tuple[str, ...]
    groups: tuple[str | None, ...]
    clusters: tuple[int | None, ...]


class Bundles(NamedTuple):
    """How many sets of rows are kept together, and how many rows are in them."""

    number: int
    rows: int


def find_bonds(examples: Sequence[Example], options: SplitOptions) -> Bonds:
    """The order of the rows does not matter. Raises UsageError for a `group_by` that no row knows."""
    return Bonds(
        openings=tuple(fingerprint_opening(example.conversation) for example in examples),
        groups=_read_groups(examples, options.group_by),
        clusters=_find_clusters(examples, options.near),
    )


def join_rows(*bonds: Sequence[Hashable]) -> list[list[int]]:
    """The sets of rows, by their indices, that any chain of equal keys connects; by their first rows."""
    parents = list(range(len(bonds[0])))

    def find_root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    for keys in bonds:
        first: dict[Hashable, int] = {}
        for row, key in enumerate(keys):
            if key is not None:
                one, other = find_root(first.setdefault(key, row)), find_root(row)
                parents[max(one, other)] = min(one, other)
    units: dict[int, list[int]] = {}
    for row in range(len(parents)):
        units.setdefault(find_root(row), []).append(row)
    return list(units.values())


def count_bundles(keys: Iterable[Hashable]) -> Bundles:
    """Of keys that at least two rows have."""
    counts = [count for key, count in Counter(keys).items() if key is not None and count > 1]
    return Bundles(len(counts), sum(counts))


def fingerprint_opening(conversation: Conversation) -> str:
    """The same for two conversations that share their beginning, or all that one of them asks.

    A beginning goes on until the user has said something by which a conversation is known again; how it is spaced,
    capitalised and punctuated does not count.
    """
    opening: list[Message] = []
    said = 0
    for message in conversation.prompt:
        opening.append(message)
        if message.role == "user":
            said += count_bytes(fold_prose(message.content))
            if said >= TELLING_BYTES:
                break
    return fingerprint_folded(tuple(opening), "")


def fingerprint_folded(messages: tuple[Message, ...], tools: str) -> str:
    """Of what the messages say, whatever their case, spacing and punctuation."""
    digest = hashlib.sha256(tools.encode())
    for message in messages:
        calls = [f"{call.name} {call.arguments}" for call in message.tool_calls]
        parts = (message.role, fold_prose(message.content), *calls)
        digest.update(json.dumps(parts).encode())
    return digest.hexdigest()


def fold_prose(text: str) -> str:
    """Words without case, with single spaces, and without punctuation around them, also where a space parts the two, as
    in French. A text of nothing else keeps it."""
    words = fold_text(text).split()
    return " ".join(filter(None, (word.strip(PUNCTUATION) for word in words))) or " ".join(words)


def prompt_text(example: Example) -> str:
    """What prompts are compared by: the answer does not count, for it is not what a test asks."""
    return comparable_text(Conversation(example.conversation.prompt))


def choose_texts(examples: Iterable[Example]) -> list[str]:
    """Each different prompt once, in an order that looks random and does not depend on that of the rows.

    Prompts of a word or two are left out: the same word may follow many different system prompts.
    """
    texts = {prompt_text(example) for example in examples}
    return sorted((text for text in texts if count_bytes(text) >= TELLING_BYTES), key=_hash_text)


def count_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _read_groups(examples: Sequence[Example], key: str) -> tuple[str | None, ...]:
    if not key:
        return (None,) * len(examples)
    known: set[str] = set()
    groups: list[str | None] = []
    for example in examples:
        fields = {**(json.loads(example.extras) if example.extras else {}), **example.metadata}
        known.update(fields)
        value = fields.get(key)
        groups.append(None if value is None else canonical_json(value))
    if examples and key not in known:
        missing = f'give rows one: {{"messages": [...], "metadata": {{"{key}": ...}}}}'
        hint = did_you_mean(key, known - {"metadata"}) if known else missing
        raise UsageError(f"no row has a value for {key!r} to group by", hint=hint)
    return tuple(groups)


def _find_clusters(examples: Sequence[Example], near: float | None) -> tuple[int | None, ...]:
    if near is None:
        return (None,) * len(examples)
    texts = choose_texts(examples)
    cluster_of = dict(zip(texts, group_similar(texts, threshold=near), strict=True))
    return tuple(cluster_of.get(prompt_text(example)) for example in examples)


def _hash_text(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
