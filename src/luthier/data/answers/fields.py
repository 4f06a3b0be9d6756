"""JSON answers in, one by one; what stands at each path of them comes out: types, keys, values, notations.

What is kept grows with the number of different things that stand at a path, each of them limited, and not with the
number of answers. A path is written `items[].quantity`; the whole answer is "".
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal, get_args

from luthier.data.answers.notation import read_notation
from luthier.data.answers.parsing import WrittenFloat
from luthier.data.answers.sightings import Sightings, count_rows

if TYPE_CHECKING:
    from luthier.data.answers.notation import Notation

Type = Literal["object", "array", "string", "integer", "number", "boolean", "null"]
"""As JSON Schema names them."""

MOST_KEYS = 300
"""An object with more different keys is a map from data to data, such as counts by word, and has no fields."""

MOST_KEY_SETS = 2_000
MOST_VALUES = 200
MOST_VARIANTS = 50
MOST_FIELDS = 2_000
MOST_ITEMS = 50
"""Entries of a list that are looked at."""

MOST_NODES = 1_000
"""Values in one answer that are looked at."""

DEEPEST = 12
LONGEST_VALUE = 60
"""Characters; a longer text is prose and no value of a list of choices."""

LONGEST_COPY = 200
"""Characters of a text that is looked for in the prompt."""

VARIANT_KEY_ORDER = ("type", "kind", "intent", "action", "event", "operation")
"""What people call the key that says which of several kinds of objects this is; the first one counts."""

VARIANT_KEYS = frozenset(VARIANT_KEY_ORDER)


class KeySets:
    """The sets of keys that objects at one path have, by their variant; with limits on both."""

    __slots__ = ("has_variants", "is_open", "sightings")

    def __init__(self) -> None:
        self.is_open = True
        self.has_variants = True
        self.sightings: dict[str, dict[tuple[str, ...], Sightings]] = {}

    def add(self, fields: dict[str, Any], line: int) -> None:
        if not self.is_open:
            return
        variant = _find_variant(fields) if self.has_variants else ""
        groups = self.sightings
        if variant not in groups:
            groups[variant] = {}
            if len(groups) > MOST_VARIANTS:
                self._forget_variants()
                variant, groups = "", self.sightings
        group = groups[variant]
        keys = tuple(fields)
        if keys not in group:
            group[keys] = Sightings()
            self.is_open = sum(map(len, groups.values())) <= MOST_KEY_SETS
        group[keys].add(line)

    def merge_variants(self) -> dict[tuple[str, ...], Sightings]:
        merged: dict[tuple[str, ...], list[Sightings]] = {}
        for group in self.sightings.values():
            for keys, sightings in group.items():
                merged.setdefault(keys, []).append(sightings)
        return {keys: Sightings.merge(parts) for keys, parts in merged.items()}

    def _forget_variants(self) -> None:
        """What looked like the name of a variant is any text, so all objects are of one kind."""
        self.sightings = {"": self.merge_variants()}
        self.has_variants = False


class Field:
    """Everything that was seen at one path.

    `values` is None once there were too many different texts to be choices. `plain` are texts in no notation, `blank`
    those of nothing or white space, `empty` lists with nothing in them, `padded` numbers such as 2.50, which tell of a
    habit of two decimals.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.key_sets = KeySets()
        self.children: dict[str, Field] = {}
        self.items: Field | None = None
        self.is_map = False
        self.values: dict[str, Sightings] | None = defaultdict(Sightings)
        self.notations: dict[Notation, Sightings] = defaultdict(Sightings)
        self.plain = Sightings()
        self.blank = Sightings()
        self.decimals: dict[int, Sightings] = defaultdict(Sightings)
        self.padded = Sightings()
        self.empty = Sightings()
        self._others: dict[Type, Sightings] = defaultdict(Sightings)

    def add_type(self, name: Type, line: int, text: str = "") -> None:
        """Of what is neither a text nor a number."""
        self._others[name].add(line, text)

    def add_text(self, text: str, line: int, prompt: str) -> bool:
        """`prompt` is what the user said; the answer is whether the text stands there."""
        is_copied = len(text) <= LONGEST_COPY and text in prompt
        values = self.values
        if values is not None and len(text) <= LONGEST_VALUE and "\n" not in text:
            values[text].add(line, is_copied=is_copied)
            if len(values) > MOST_VALUES:
                self.values = None
        notation = read_notation(text)
        if notation is not None:
            self.notations[notation].add(line, text, is_copied)
        elif text and not text.isspace():
            self.plain.add(line, text, is_copied)
        else:
            self.blank.add(line, text)
        return is_copied

    def add_number(self, number: int | WrittenFloat, line: int) -> None:
        if not isinstance(number, WrittenFloat):
            self.decimals[0].add(line, str(number))
            return
        written, places = number.written, number.decimals
        self.decimals[places].add(line, written)
        if places > 1 and written[-1] == "0":
            self.padded.add(line)

    def count_types(self) -> dict[Type, int]:
        """Rows for each type that was seen; a row whose list holds dates and other texts counts as two with texts."""
        counts: dict[Type, int] = {name: count_rows(self._find_type(name)) for name in get_args(Type)}
        return {name: count for name, count in counts.items() if count}

    def merge_type(self, name: Type) -> Sightings:
        return Sightings.merge(self._find_type(name))

    def _find_type(self, name: Type) -> list[Sightings]:
        if name == "string":
            return [self.plain, self.blank, *self.notations.values()]
        if name == "integer":
            return [self.decimals[0]] if 0 in self.decimals else []
        if name == "number":
            return [seen for places, seen in self.decimals.items() if places != 0]
        return [self._others[name]] if name in self._others else []


class AnswerFields:
    """The tree of fields of all the answers that were added, in the order of their lines.

    `copied_count` of the `text_count` texts in them stand in their prompts too.
    """

    def __init__(self) -> None:
        self.root = Field("")
        self.text_count = 0
        self.copied_count = 0
        self._prompt = ""
        self._field_count = 1
        self._nodes_left = 0

    def add(self, answer: Any, line: int, prompt: str) -> None:
        """`answer` is what `parse_answer` made of it: JSON whose fractions are WrittenFloat."""
        self._prompt = prompt
        self._nodes_left = MOST_NODES
        self._observe(self.root, answer, line, DEEPEST)

    def _observe(self, field: Field, value: Any, line: int, depth: int) -> None:
        self._nodes_left -= 1
        kind = type(value)
        if kind is str:
            self.text_count += 1
            self.copied_count += field.add_text(value, line, self._prompt)
        elif kind is WrittenFloat or kind is int:
            field.add_number(value, line)
        elif kind is dict:
            field.add_type("object", line)
            self._observe_object(field, value, line, depth)
        elif kind is list:
            field.add_type("array", line)
            self._observe_items(field, value, line, depth)
        elif value is None:
            field.add_type("null", line)
        else:
            field.add_type("boolean", line, "true" if value else "false")

    def _observe_object(self, field: Field, fields: dict[str, Any], line: int, depth: int) -> None:
        if field.is_map or depth == 0:
            return
        field.key_sets.add(fields, line)
        children = field.children
        for key, value in fields.items():
            child = children.get(key)
            if child is None:
                if len(children) == MOST_KEYS:
                    self._turn_into_map(field)
                    return
                if self._field_count == MOST_FIELDS:
                    continue
                child = children[key] = Field(f"{field.path}.{key}" if field.path else key)
                self._field_count += 1
            if self._nodes_left > 0:
                self._observe(child, value, line, depth - 1)

    def _observe_items(self, field: Field, items: list[Any], line: int, depth: int) -> None:
        if not items:
            field.empty.add(line)
        if not items or depth == 0:
            return
        if field.items is None:
            field.items = Field(f"{field.path}[]")
        for item in items[:MOST_ITEMS]:
            if self._nodes_left > 0:
                self._observe(field.items, item, line, depth - 1)

    def _turn_into_map(self, field: Field) -> None:
        self._field_count -= len(field.children)
        field.is_map = True
        field.children = {}
        field.key_sets = KeySets()


def _find_variant(fields: dict[str, Any]) -> str:
    if VARIANT_KEYS.isdisjoint(fields):
        return ""
    for name in VARIANT_KEY_ORDER:
        value = fields.get(name)
        if isinstance(value, str) and len(value) <= LONGEST_VALUE:
            return value
    return ""
