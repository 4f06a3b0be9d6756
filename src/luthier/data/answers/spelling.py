"""Two short texts in, whether one looks like a slip of the pen for the other out."""

from __future__ import annotations

import re
from functools import lru_cache

SHORTEST_WITH_ONE_SLIP = 4
SHORTEST_WITH_TWO_SLIPS = 8
"""Letters. Shorter words that differ by as much are different words more often than not."""

LONGEST_COMPARED = 60

_CAMEL_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_GAP = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")
_EDGE = re.compile(r"""^[\s.,;:!?*"'`]+|[\s.,;:!?*"'`]+$""")
_DIGITS = re.compile(r"\d+")


def normalise_words(text: str) -> str:
    """The same for two texts that differ in case, in the signs between words or around them: `unitPrice`, `Unit_price.`

    `C` and `C++`, `A` and `A-` stay different.
    """
    return "".join(_split_words(text))


def is_slip(text: str, intended: str) -> bool:
    """Whether `text` says `intended` in another spelling, or with a letter or two mistyped in one of its words.

    Words that differ in digits (`q1`, `q2`) or in the first letter (`import`, `export`), and short words (`min`,
    `max`), are taken for what they are: different words.
    """
    if text == intended or max(len(text), len(intended)) > LONGEST_COMPARED:
        return False
    words, others = _split_words(text), _split_words(intended)
    # Quick, because the values of a field are compared each with each.
    if not words or not others or words[0][0] != others[0][0] or _DIGITS.findall(text) != _DIGITS.findall(intended):
        return False
    if "".join(words) == "".join(others):
        return True
    if len(words) != len(others):
        return _is_mistyped("".join(words), "".join(others))
    differing = [(word, other) for word, other in zip(words, others, strict=True) if word != other]
    return len(differing) == 1 and _is_mistyped(*differing[0])


def count_slips(text: str, other: str) -> int:
    """Letters to insert, delete, replace or swap with a neighbour (the optimal string alignment distance)."""
    two_above: list[int] = []
    above = list(range(len(other) + 1))
    for i, letter in enumerate(text, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            cost = min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and text[i - 2] == wanted:
                cost = min(cost, two_above[j - 2] + 1)
            row.append(cost)
        two_above, above = above, row
    return above[-1]


@lru_cache(maxsize=2048)
def _split_words(text: str) -> tuple[str, ...]:
    bare = _EDGE.sub("", text) or text.strip()
    return tuple(_GAP.sub(" ", _CAMEL_HUMP.sub(" ", bare)).casefold().split())


def _is_mistyped(word: str, intended: str) -> bool:
    if word[:1] != intended[:1] or len(intended) < SHORTEST_WITH_ONE_SLIP:
        return False
    limit = 2 if len(intended) >= SHORTEST_WITH_TWO_SLIPS else 1
    return abs(len(word) - len(intended)) <= limit and count_slips(word, intended) <= limit
