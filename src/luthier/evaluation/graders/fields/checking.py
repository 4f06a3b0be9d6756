"""Rules and the references that they are for go in, what of the one does not fit the other comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.conversation import canonical_json
from luthier.errors import InvalidConfig, did_you_mean
from luthier.evaluation.graders.json_values import join_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.evaluation.graders.fields.rules import FieldRules


def check_rules(rules: FieldRules, known: set[str], *, where: str) -> None:
    """Raises InvalidConfig for a rule of a field that no reference has, which is misspelt more often than not."""
    for path in rules.fields:
        if path not in known:
            raise InvalidConfig(f"{where}: no reference has a field {path!r}", hint=did_you_mean(path, known - {""}))


def list_parts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The value itself and everything in it, each by its path."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from list_parts(inner, join_key(path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from list_parts(inner, f"{path}[]")


def find_key_problem(value: Any, rules: FieldRules) -> str | None:
    """Why the elements of a list cannot be told apart by the key that the rules name."""
    for path, part in list_parts(value):
        key = rules.find(path).key
        if key is None or not isinstance(part, list):
            continue
        found = [canonical_json(each[key]) for each in part if isinstance(each, dict) and each.get(key) is not None]
        if len(found) < len(part):
            return f"an element of {path or 'the list'} has no {key}, by which the rules tell them apart"
        if len(set(found)) < len(found):
            return f"two elements of {path or 'the list'} have the same {key}, by which the rules tell them apart"
    return None
