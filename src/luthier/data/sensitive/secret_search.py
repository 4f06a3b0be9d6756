"""A text becomes the passwords, keys and tokens in it.

By shape where the issuer gives one a shape, otherwise only beside a word for it: hashes, ids and pictures are as
random as keys.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from typing import TYPE_CHECKING

from luthier.data.sensitive.place import Place
from luthier.data.sensitive.secret_shapes import (
    ASSIGNMENT,
    ASSIGNMENT_MARKS,
    BEARER,
    CONNECTION,
    KEY_MARKS,
    SECRET_SHAPES,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.sensitive.secret_shapes import SecretShape

BY_SIGN = {
    sign: tuple(
        (mark, shape)
        for shape in SECRET_SHAPES
        for mark in shape.marks
        if next((candidate for candidate in "_-" if candidate in mark), "") == sign
    )
    for sign in ("_", "-", "")
}
"""Marks by a sign that all of them hold, so that prose, which has no underscores, is not searched for half of them."""

UNSAID = re.compile(
    r"your|example|placeholder|change_?me|xxxx|\*\*\*|\.\.\.|…|redacted|removed|hidden|dummy|sample|insert|null$|none$"
    r"|undefined|true$|false$|required|optional|string|secret$|passwor[dt]$|\(|\)|\{|\}|\[|\]|\\|^[$@/%&#]|https?:|^0x[0-9a-f]{40}$"
    r"|getenv|environ|process\.|config\.|settings\.|self\.|os\.",
    re.IGNORECASE,
)
"""Signs that a value is not the secret itself but a gap for it, code that reads it, or a word about it."""

UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
COMMON_PASSWORDS = frozenset(
    {"pass", "passwd", "password", "pwd", "secret", "user", "test", "root", "admin", "postgres"}
)
"""What stands in the examples of every database's manual."""

SHORTEST_SHAPE = 16
"""Characters of the shortest secret that has a shape, with the address around it where it is a password in one."""

SHORTEST_PASSWORD = 6

SHORTEST_KEY, LEAST_BITS = 16, 3.0
"""A key has at least so many characters, and bits of entropy in each; English words have about 2.5 at that length."""

ASCII_LOWER = {ord(letter): letter.lower() for letter in string.ascii_uppercase}

LEAST_VARIETY = 8
"""Different characters of a real secret; an x for each place has one."""


def may_hold_secret(text: str) -> bool:
    """False for most texts, at little cost; True for every text in which find_secrets finds something."""
    return bool(_list_shapes(text)) or "://" in text or "Bearer " in text or bool(_list_words(_fold(text)))


def find_secrets(text: str) -> Iterator[Place]:
    """A place may come twice, by its shape and by the word beside it."""
    for shape in _list_shapes(text):
        yield from _find_shape(text, shape.pattern, shape.name)
    if "Bearer " in text:
        yield from _find_shape(text, BEARER, "bearer token")
    if "://" in text:
        yield from _find_passwords_in_addresses(text)
    yield from _find_assignments(text)


def _list_shapes(text: str) -> list[SecretShape]:
    """Those whose marks stand in the text, none where no word is as long as a secret."""
    if max(map(len, text.split()), default=0) < SHORTEST_SHAPE:
        return []
    return [shape for sign, marked in BY_SIGN.items() if sign in text for mark, shape in marked if mark in text]


def _fold(text: str) -> str:
    """In lower case, with every character at its place: that of a Turkish İ would be two."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text.translate(ASCII_LOWER)


def _list_words(lower: str) -> list[str]:
    """Beginnings of words for secrets that stand in a text in lower case."""
    if ":" not in lower and "=" not in lower and " is" not in lower and " es" not in lower:
        return []
    words = [mark for mark in ASSIGNMENT_MARKS if mark in lower]
    return words + [mark for mark in KEY_MARKS if mark in lower] if "key" in lower else words


def _find_shape(text: str, pattern: re.Pattern[str], name: str) -> Iterator[Place]:
    for match in pattern.finditer(text):
        group = "value" if "value" in pattern.groupindex else 0
        value = match.group(group)
        if len(set(value)) >= LEAST_VARIETY + 2 and "EXAMPLE" not in value and not UNSAID_IN_SHAPE.search(value):
            yield Place(match.start(group), match.end(group), value, name)


UNSAID_IN_SHAPE = re.compile(r"x{6}|your|1234567890abcdef|\.\.\.", re.IGNORECASE)


def _find_passwords_in_addresses(text: str) -> Iterator[Place]:
    for match in CONNECTION.finditer(text):
        value = match.group("value")
        if value.lower() not in COMMON_PASSWORDS and not UNSAID.search(value):
            yield Place(match.start("value"), match.end("value"), value, "password in an address")


def _find_assignments(text: str) -> Iterator[Place]:
    # Matched where a word is found, because the expression takes long to search for.
    lower = _fold(text)
    for mark in _list_words(lower):
        start = lower.find(mark)
        while start >= 0:
            match = ASSIGNMENT.match(text, start)
            place = _read_assignment(match) if match else None
            if place:
                yield place
            start = lower.find(mark, start + 1)


def _read_assignment(match: re.Match[str]) -> Place | None:
    value = match.group("value")
    if match.string[match.end("value") : match.end("value") + 1] not in ("'", '"'):
        value = value.rstrip(".,;:!?)]}*")
    if len(value) < SHORTEST_PASSWORD or UNSAID.search(value):
        return None
    if match.group("password"):
        is_secret, name = _is_password(value), "password"
    else:
        is_secret = is_random(value) and not (match.group("token") and UUID.fullmatch(value))
        name = "token" if match.group("token") else "key"
    start = match.start("value")
    return Place(start, start + len(value), value, name) if is_secret else None


def _is_password(value: str) -> bool:
    """Letters with digits or signs, or digits alone; a word by itself is a word about passwords."""
    if value.lower() in COMMON_PASSWORDS or re.fullmatch(
        r"\d+[-–/.:]\d+[-–/.:\d]*|\d+(?:st|nd|rd|th|px|em|ms|s|min)", value
    ):
        return False
    has_letter = any(character.isalpha() for character in value)
    has_digit = any(character.isdigit() for character in value)
    has_sign = any(character in "!@#$%^&*+=?~" for character in value)
    return (has_letter and (has_digit or has_sign)) or (value.isdigit() and len(value) <= 12)


def is_random(value: str) -> bool:
    """Whether a text is as varied as a key: letters with digits, and no words or numbers joined by hyphens."""
    if len(value) < SHORTEST_KEY or len(set(value)) < LEAST_VARIETY:
        return False
    if not any(character.isdigit() for character in value) or not any(character.isalpha() for character in value):
        return False
    parts = re.split(r"[_.\-/]", value)
    if (
        len(parts) > 1
        and not UUID.fullmatch(value)
        and all(part.isalpha() or part.isdigit() or len(part) < 4 for part in parts)
    ):
        return False
    counts = Counter(value)
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    return bits >= LEAST_BITS
