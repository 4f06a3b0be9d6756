"""What stands at one path of the answers in; out comes what few rows do there and nearly all others do not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from luthier.data.answers.fields import VARIANT_KEYS
from luthier.data.answers.sightings import Sightings, count_rows
from luthier.data.answers.spelling import is_slip, normalise_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from luthier.data.answers.fields import Field, Type
    from luthier.data.answers.notation import Kind, Notation

FEWEST_ROWS = 20
"""Rows that have to show a habit before breaking it is odd."""

ODD_ROWS, ODD_FRACTION = 3, 0.02
"""What more rows do than three, and than two percent, is a habit of its own."""

HABIT_FRACTION = 0.95
CLOSED_FRACTION = 0.9
"""Share of the objects at a path with exactly the same keys, from which on other keys are odd."""

COPYING_FRACTION = 0.8
"""Share of the usual answers that are copied out of their prompts, from which on an odd one may be so as well."""

ESTABLISHED_ROWS = 10
"""Rows that make a value one of the choices."""

CHOICES_FRACTION = 0.8
MOST_CHOICES = 20


class OddKeys(NamedTuple):
    """One set of keys that does not fit; `misspelt` maps a key to the one that is probably meant."""

    sightings: Sightings
    total: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    misspelt: dict[str, str]


class OddType(NamedTuple):
    name: str
    sightings: Sightings
    common: str
    common_count: int


class OddValue(NamedTuple):
    """`intended` is the choice that is probably meant, "" when the value just stands alone."""

    value: str
    sightings: Sightings
    intended: str
    intended_count: int


class OddNotation(NamedTuple):
    """`sample` is written as nearly all are, which are `common_count` rows."""

    sightings: Sightings
    sample: str
    common_count: int


def is_rare(count: int, total: int) -> bool:
    """Whether so few of the rows do something that it is more likely a slip than a habit."""
    return count <= max(ODD_ROWS, ODD_FRACTION * total)


def is_odd_count(count: int, total: int) -> bool:
    """The same, where the rows are enough to know the habit that is broken."""
    return total >= FEWEST_ROWS and count <= (1 - HABIT_FRACTION) * total and is_rare(count, total)


def is_copied(odd: Sightings, usual: Sightings) -> bool:
    """Whether answers repeat what the prompt says, as it says it, so that the prompt is what differs."""
    return odd.copied == odd.count and usual.copied >= COPYING_FRACTION * usual.count


def list_fields(field: Field) -> Iterator[Field]:
    """The field and all below it, in the order in which they were first seen."""
    waiting = [field]
    while waiting:
        current = waiting.pop()
        yield current
        below = [*current.children.values(), *([current.items] if current.items else [])]
        waiting += reversed(below)


def find_misspelt_keys(field: Field) -> dict[str, str]:
    """Rare keys by the common ones that they are a slip for, and that never stand beside them."""
    if not field.key_sets.is_open:
        return {}
    sets = [(frozenset(keys), seen.count) for keys, seen in field.key_sets.merge_variants().items()]
    counts = _count_keys(sets)
    misspelt: dict[str, str] = {}
    for key, count in counts.items():
        common = [name for name, rows in counts.items() if rows >= max(10 * count, ESTABLISHED_ROWS)]
        near = [name for name in common if is_slip(key, name) and not any({key, name} <= keys for keys, _ in sets)]
        if near:
            misspelt[key] = max(near, key=lambda name: (counts[name], name))
    return misspelt


def find_odd_keys(field: Field) -> Iterator[OddKeys]:
    """By the variant of the objects where there are enough of it; a rare one has to have what all variants have."""
    if not field.key_sets.is_open:
        return
    misspelt = find_misspelt_keys(field)
    groups = _group_key_sets(field)
    habits_of_groups = [_find_habits(group, misspelt) for group in groups]
    shared = _find_shared(habits_of_groups)
    for group, own in zip(groups, habits_of_groups, strict=True):
        habits = own if own.total >= FEWEST_ROWS else shared
        for keys, sightings in group.items():
            meant = {misspelt.get(key, key) for key in keys}
            missing = tuple(key for key in field.children if key in habits.required and key not in meant)
            extra = tuple(key for key in keys if key in habits.odd)
            slips = {key: misspelt[key] for key in keys if key in misspelt}
            if missing or extra or slips:
                yield OddKeys(sightings, habits.total, missing, extra, slips)


def find_odd_types(field: Field) -> Iterator[OddType]:
    """Integers and other numbers are one type, and null fits everywhere."""
    counts = Counter[str]()
    for name, count in field.count_types().items():
        if name != "null":
            counts[simplify_type(name)] += count
    if counts.total() < FEWEST_ROWS:
        return
    common, common_count = counts.most_common(1)[0]
    if common_count < CLOSED_FRACTION * counts.total():
        return
    for name in field.count_types():
        kind = simplify_type(name)
        if name != "null" and kind != common and is_odd_count(counts[kind], counts.total()):
            yield OddType(kind, field.merge_type(name), common, common_count)


def simplify_type(name: Type) -> str:
    return "number" if name == "integer" else name


def find_odd_values(field: Field, *, is_label: bool = False) -> Iterator[OddValue]:
    """Slips for one of a few choices, and where the field `is_label`, also values that a single row has."""
    values = field.values or {}
    total = field.count_types().get("string", 0)
    choices = {value: seen.count for value, seen in values.items() if seen.count >= ESTABLISHED_ROWS}
    if total < FEWEST_ROWS or sum(choices.values()) < CHOICES_FRACTION * total:
        return
    alone = []
    for value, seen in values.items():
        intended = _find_intended(value, seen.count, choices)
        if intended and is_copied(seen, values[intended]):
            continue
        if intended:
            yield OddValue(value, seen, intended, choices[intended])
        elif value not in choices:
            alone.append((value, seen))
    is_closed = (
        2 <= len(choices) <= MOST_CHOICES and len(alone) <= ODD_ROWS and all(seen.count == 1 for _, seen in alone)
    )
    if is_label and is_closed and len(values) > len(choices):
        yield from (OddValue(value, seen, "", 0) for value, seen in alone)


def find_odd_notations(notations: Mapping[Notation, Sightings], kind: Kind) -> Iterator[OddNotation]:
    """Odd is what has no notation in common with nine tenths of the others, which are ten rows or more."""
    ours = {notation.fits: sightings for notation, sightings in notations.items() if notation.kind == kind}
    total = count_rows(ours.values())
    names = Counter[str]()
    for fits, sightings in ours.items():
        names.update(dict.fromkeys(fits, sightings.count))
    if not names:
        return
    common, count = min(names.items(), key=lambda item: (-item[1], item[0]))
    if count < ESTABLISHED_ROWS or count < CLOSED_FRACTION * total:
        return
    for fits, sightings in ours.items():
        if common in fits:
            continue
        opposed = {other: seen for other, seen in ours.items() if not fits & other and common in other}
        if count_rows(opposed.values()) >= max(ESTABLISHED_ROWS, 9 * sightings.count):
            usual = max(opposed.values(), key=lambda seen: seen.count)
            if not is_copied(sightings, usual):
                yield OddNotation(sightings, usual.sample, count)


def find_odd_decimals(field: Field) -> Iterator[OddNotation]:
    """Numbers with other than the decimals that are kept to everywhere else, as the zeros at their ends prove."""
    total = count_rows(field.decimals.values())
    common = max(field.decimals, key=lambda places: field.decimals[places].count, default=0)
    if common < 2 or field.padded.count < max(ODD_ROWS, ODD_FRACTION * total):
        return
    usual = field.decimals[common]
    for places, sightings in field.decimals.items():
        if places != common and is_odd_count(total - usual.count, total):
            yield OddNotation(sightings, usual.sample, usual.count)


def find_undated(field: Field, kind: Kind) -> OddNotation | None:
    """Texts that are no date, or no time, where nearly all are."""
    dated = {notation: seen for notation, seen in field.notations.items() if notation.kind == kind}
    plain, count = field.plain, count_rows(dated.values())
    is_certain = count_rows(seen for notation, seen in dated.items() if notation.is_certain) >= ESTABLISHED_ROWS
    if not is_certain or not plain.count or not is_odd_count(plain.count, count + plain.count):
        return None
    usual = max(dated.values(), key=lambda seen: seen.count)
    return None if is_copied(plain, usual) else OddNotation(plain, usual.sample, count)


def _group_key_sets(field: Field) -> list[dict[tuple[str, ...], Sightings]]:
    """By the variant of the objects, as long as there are enough of most variants to know their habits."""
    groups = list(field.key_sets.sightings.values())
    totals = [count_rows(group.values()) for group in groups]
    if sum(total for total in totals if total >= FEWEST_ROWS) >= CHOICES_FRACTION * sum(totals):
        return groups
    return [field.key_sets.merge_variants()]


class _KeyHabits(NamedTuple):
    total: int
    required: set[str]
    odd: set[str]


def _find_habits(group: dict[tuple[str, ...], Sightings], misspelt: dict[str, str]) -> _KeyHabits:
    """Which keys nearly all objects have, and which ones hardly any has where nearly all have the same."""
    sets = Counter[frozenset[str]]()
    for keys, seen in group.items():
        sets[frozenset(misspelt.get(key, key) for key in keys)] += seen.count
    total = sets.total()
    counts = _count_keys(sets.items())
    required = {key for key, count in counts.items() if count == total or is_odd_count(total - count, total)}
    usual, usual_count = max(sets.items(), key=lambda item: item[1], default=(frozenset[str](), 0))
    is_closed = usual_count >= CLOSED_FRACTION * total
    odd = {key for key, count in counts.items() if is_closed and key not in usual and is_odd_count(count, total)}
    return _KeyHabits(total, required, odd)


def _find_shared(habits_of_groups: Sequence[_KeyHabits]) -> _KeyHabits:
    """What objects of every kind have: at least the key that says of which kind they are."""
    known = [habits.required for habits in habits_of_groups if habits.total >= FEWEST_ROWS]
    required = set.intersection(*known) if known else set()
    if len(known) == 1:
        required = required & VARIANT_KEYS
    return _KeyHabits(sum(habits.total for habits in habits_of_groups), required, set())


def _count_keys(sets: Iterable[tuple[frozenset[str], int]]) -> Counter[str]:
    counts = Counter[str]()
    for keys, count in sets:
        counts.update(dict.fromkeys(keys, count))
    return counts


def _find_intended(value: str, count: int, choices: Mapping[str, int]) -> str:
    """The most frequent choice that a value is a slip for; "" when there is none."""
    near = [choice for choice in choices if is_slip(value, choice) and _is_rarer(value, count, choice, choices)]
    return max(near, key=lambda choice: choices[choice], default="")


def _is_rarer(value: str, count: int, choice: str, choices: Mapping[str, int]) -> bool:
    """By far, unless both say the same in another case or with other signs."""
    if normalise_words(value) == normalise_words(choice):
        return 4 * count <= choices[choice]
    return value not in choices and 10 * count <= choices[choice]
