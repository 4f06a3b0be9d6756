"""LD404 to LD408: answers with other keys, types, values or notations than nearly all the others have."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from luthier.data.answers.oddities import (
    find_odd_decimals,
    find_odd_keys,
    find_odd_notations,
    find_odd_types,
    find_odd_values,
    find_undated,
    list_fields,
)
from luthier.data.labels import ANSWER
from luthier.data.lint.rule import Rule, quote
from luthier.data.lint.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from luthier.data.answers.fields import Field
    from luthier.data.answers.notation import Kind
    from luthier.data.answers.oddities import OddKeys, OddNotation, OddType, OddValue
    from luthier.data.answers.sightings import Sightings
    from luthier.data.finding import Finding

MOST_NAMED = 3
"""Keys that one message names."""

TYPE_WORDS = {
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
}


class FieldRule(Rule[Table]):
    """A rule that finds a habit at a path of the answers, and the rows that break it."""

    severity = "warning"

    def report(
        self, table: Table, sightings: Sightings, describe: Callable[[str], str], *, text: str = ""
    ) -> Iterator[Finding]:
        """`describe` gets what stands in the row: `text`, or what is known of it, which may be ""."""
        for place in sightings.places():
            position = table.answers.positions[table.find_index(place.line)]
            shown = text or place.text
            yield self.finding(place.line, describe(shown), at=position, text=shown)


class OddAnswerKeys(FieldRule):
    """A JSON answer that lacks a key that all others have, has one that no other has, or misspells one."""

    code = "LD404"
    name = "odd-answer-keys"
    why = "what reads the answers relies on their keys; the model would learn to leave one out, or to invent others"
    example = 'one answer in fifty that says `{"totl": 12}`, where the others say `{"total": 12}`'
    hint = "give the answer the keys that the others have; write null where there is nothing to say"

    def check(self, subject: Table) -> Iterator[Finding]:
        for field in list_fields(subject.answers.fields.root):
            found = (
                finding
                for odd in find_odd_keys(field)
                for finding in self.report(subject, odd.sightings, _describe_keys(odd, field), text=_name_odd_key(odd))
            )
            yield from _keep_first_of_row(found)


class OddValueType(FieldRule):
    """A JSON answer with a value of another type than nearly all others have at that place."""

    code = "LD405"
    name = "odd-value-type"
    why = "a number that is sometimes a text breaks the program that reads the answers, sooner or later"
    example = 'one answer in fifty that says `{"total": "12.50"}`, where the others say `{"total": 12.50}`'
    hint = "write the value in the type that the others have"

    def check(self, subject: Table) -> Iterator[Finding]:
        for field in list_fields(subject.answers.fields.root):
            for odd in find_odd_types(field):
                yield from self.report(subject, odd.sightings, _describe_type(odd, field))


class OddLabel(FieldRule):
    """A label, or a value from a small set, in a spelling of its own; or a label that a single row has."""

    code = "LD406"
    name = "odd-label"
    why = "to the model `Positive` and `positive` are two classes, and one of them has hardly any rows"
    example = "one answer in fifty that is `refnud`, where others are `refund`"
    hint = "write the label as the other rows do"

    def check(self, subject: Table) -> Iterator[Finding]:
        labels = subject.answers.found_labels
        label_field = labels.field if labels else None
        yield from self._check_field(subject, subject.answers.text, is_label=label_field == ANSWER)
        for field in list_fields(subject.answers.fields.root):
            yield from self._check_field(subject, field, is_label=field.path == label_field and bool(field.path))

    def _check_field(self, table: Table, field: Field, *, is_label: bool) -> Iterator[Finding]:
        for odd in find_odd_values(field, is_label=is_label):
            yield from self.report(table, odd.sightings, _describe_value(odd, field), text=odd.value)


class NotationRule(FieldRule):
    """A rule about dates or numbers in texts that are written otherwise than the others at the same place."""

    kinds: ClassVar[Sequence[Kind]]

    def check(self, subject: Table) -> Iterator[Finding]:
        for field in (subject.answers.text, *list_fields(subject.answers.fields.root)):
            found = (finding for odd in self.find_odd(field) for finding in self.report_odd(subject, odd, field))
            yield from _keep_first_of_row(found)

    def find_odd(self, field: Field) -> Iterator[OddNotation]:
        for kind in self.kinds:
            yield from find_odd_notations(field.notations, kind)

    def report_odd(self, table: Table, odd: OddNotation, field: Field) -> Iterator[Finding]:
        yield from self.report(table, odd.sightings, _describe_notation(odd, field))


class OddDateNotation(NotationRule):
    """A date or a time of day that is written otherwise than nearly all others at the same place."""

    code = "LD407"
    name = "odd-date-notation"
    why = "one date in another order teaches the model to guess, and 05/04 read the wrong way is a wrong date"
    example = "one answer in fifty with `04.05.2024`, where the others have dates such as `2024-05-04`"
    hint = "write the date as the other answers do"
    kinds = ("date", "time")

    def find_odd(self, field: Field) -> Iterator[OddNotation]:
        yield from super().find_odd(field)
        undated = [find_undated(field, kind) for kind in self.kinds]
        yield from (odd for odd in undated if odd)


class OddNumberNotation(NotationRule):
    """A number with other marks, decimals or signs than nearly all others at the same place."""

    code = "LD408"
    name = "odd-number-notation"
    why = "1.234 is a thousand to some and one to others; the model has to learn one notation"
    example = "one answer in fifty with `1.234,50`, where the others have numbers such as `1,234.50`"
    hint = "write the number as the other answers do"
    kinds = ("number",)

    def find_odd(self, field: Field) -> Iterator[OddNotation]:
        yield from super().find_odd(field)
        yield from find_odd_decimals(field)


def _keep_first_of_row(findings: Iterable[Finding]) -> Iterator[Finding]:
    """A row whose list has three odd entries is told so once."""
    told: set[int | None] = set()
    for finding in findings:
        if finding.line not in told:
            told.add(finding.line)
            yield finding


def _name_place(field: Field) -> str:
    return quote(field.path) if field.path else "the answer"


def _describe_keys(odd: OddKeys, field: Field) -> Callable[[str], str]:
    """The likeliest cause first: a slip explains a key that is missing and one too many."""
    place = _name_place(field)
    if odd.misspelt:
        slips = " and ".join(f"{quote(key)}, probably {quote(meant)}" for key, meant in odd.misspelt.items())
        text = f"{place} has the key {slips}"
    elif odd.missing:
        text = f"{place} lacks {_list_keys(odd.missing)}, which nearly all of {odd.total} have"
        text += f", and has {_list_keys(odd.extra)} instead" if odd.extra else ""
    else:
        text = f"{place} has {_list_keys(odd.extra)}, which hardly any of {odd.total} has"
    return lambda _: text


def _name_odd_key(odd: OddKeys) -> str:
    """The key in the row that is to be looked at; "" when it is one that the row lacks."""
    return next(iter((*odd.misspelt, *odd.extra)), "")


def _list_keys(keys: Sequence[str]) -> str:
    named = ", ".join(quote(key) for key in keys[:MOST_NAMED])
    rest = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return f"the key{'s' if len(keys) > 1 else ''} {named}{rest}"


def _describe_type(odd: OddType, field: Field) -> Callable[[str], str]:
    text = f"{_name_place(field)} is {TYPE_WORDS[odd.name]}, and {TYPE_WORDS[odd.common]} in {odd.common_count} others"
    return lambda _: text


def _describe_value(odd: OddValue, field: Field) -> Callable[[str], str]:
    if odd.intended:
        end = f"probably {quote(odd.intended)}, which {odd.intended_count} rows have"
    else:
        end = "a label that no other row has"
    return lambda text: f"{_name_place(field)} is {quote(text)}, {end}"


def _describe_notation(odd: OddNotation, field: Field) -> Callable[[str], str]:
    others = f"written otherwise than {odd.common_count} others, such as {quote(odd.sample)}"
    return lambda text: (
        f"{_name_place(field)} is {quote(text)}, {others}" if text else f"{_name_place(field)} is {others}"
    )
