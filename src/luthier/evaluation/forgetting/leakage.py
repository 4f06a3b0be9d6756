"""Answers to questions off the task go in; those that speak the task's language come out, with the words that tell.

What a model says as usual is no leak: words of the question itself, of the other model's answers, or of the suite.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from luthier.evaluation.forgetting.finding import MOST_EXAMPLES, Family, ProbeCase
from luthier.stats.intervals import wilson_interval
from luthier.stats.non_inferiority import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from luthier.evaluation.forgetting.behaviour import Said

PART = re.compile(r"[^\W_]+|[^\w\s]|_")
DIGITS = re.compile(r"\d+")

STOCK_WORDS = 4
"""Of a phrase that many training answers share; and in so many of them it must stand, and in two at least."""
STOCK_FRACTION = 0.02

VERBATIM_WORDS = 8
"""In a row are no chance, even from a single training answer."""

OPENING_PARTS = 3
"""Words and signs that answers begin with, which also tells the form, such as a brace and a key."""
OPENING_FRACTION = 0.10

SHORTEST_WHOLE = 3
"""Characters of a training answer that may leak as a whole, such as a label."""

EVERYDAY = frozenset(
    PART.findall(
        """
        a about after all also am an and any are as at be because been before being both but by can could did do does
        each few for from get go good had has have he her here him his how i if in into is it its just know like made
        make many may me more most much my new no not now of on one only or other our out over own people same see she
        should so some such than that the their them then there these they thing things this those through time to too
        two up us use used very was way we well were what when where which while who why will with would year years you
        your
        """
    )
)
"""A phrase of these alone says nothing about where it comes from."""

Phrase = tuple[str, ...]


@dataclass(frozen=True)
class Lessons:
    """What training answers are made of, numbers as `0`, small letters throughout."""

    stock: frozenset[Phrase]
    verbatim: frozenset[Phrase]
    openings: frozenset[Phrase]
    wholes: frozenset[Phrase]


def learn_phrases(answers: Sequence[str]) -> Lessons:
    """Of all training answers, or a fair sample of them."""
    rows = [_split(answer) for answer in answers]
    words = [_drop_signs(row) for row in rows]
    stock = Counter(chain.from_iterable(set(_list_phrases(row, STOCK_WORDS)) for row in words))
    openings = Counter(row[:OPENING_PARTS] for row in rows if len(row) >= OPENING_PARTS)
    return Lessons(
        stock=frozenset(
            phrase
            for phrase, count in stock.items()
            if count >= max(2, STOCK_FRACTION * len(rows)) and not EVERYDAY.issuperset(phrase)
        ),
        verbatim=frozenset(chain.from_iterable(_list_phrases(row, VERBATIM_WORDS) for row in words)),
        openings=frozenset(
            opening for opening, count in openings.items() if count >= max(2, OPENING_FRACTION * len(rows))
        ),
        wholes=frozenset(row for row in rows if len(row) <= VERBATIM_WORDS and len("".join(row)) >= SHORTEST_WHOLE),
    )


def find_leak(said: Said, lessons: Lessons, usual: frozenset[Phrase]) -> str:
    """The words of the task in the answer, empty where there are none. `usual` is what `list_usual` makes of texts."""
    known = usual | _list_all(said.prompt)
    parts = _split(said.text)
    words = _drop_signs(parts)
    if parts in lessons.wholes - known:
        return said.text.strip()
    if parts[:OPENING_PARTS] in lessons.openings - known:
        return " ".join(parts[:OPENING_PARTS])
    for size, phrases in ((STOCK_WORDS, lessons.stock), (VERBATIM_WORDS, lessons.verbatim)):
        for phrase in _list_phrases(words, size):
            if phrase in phrases and phrase not in known:
                return " ".join(phrase)
    return ""


def list_usual(texts: Iterable[str]) -> frozenset[Phrase]:
    """Whatever could be taken for a leak and is said anyway."""
    return frozenset(chain.from_iterable(_list_all(text) for text in texts))


def judge_leakage(
    baseline: Sequence[Said], candidate: Sequence[Said], lessons: Lessons, *, usual: frozenset[Phrase], margin: float
) -> Family:
    """Of answers to questions that leave the form to the model. The baseline cannot leak: what it says is usual."""
    known = usual | list_usual(said.text for said in baseline)
    leaks = [find_leak(said, lessons, known) for said in candidate]
    count, total = sum(map(bool, leaks)), len(leaks)
    return Family(
        key="leakage",
        title="The task's words elsewhere",
        measured=count / total,
        interval=wilson_interval(count, total, confidence=CONFIDENCE),
        margin=margin,
        unit="share of answers",
        baseline=0.0,
        candidate=count / total,
        total=total,
        state="degraded" if count > margin * total else "ok",
        explanation=f"{count} of {total} answers to questions off the task speak as its training answers do",
        examples=tuple(
            ProbeCase(new.prompt, old.text, new.text, f"leaked: {leak}")
            for old, new, leak in zip(baseline, candidate, leaks, strict=True)
            if leak
        )[:MOST_EXAMPLES],
    )


def _split(text: str) -> Phrase:
    """Words and signs; another number is no other phrase."""
    return tuple(PART.findall(DIGITS.sub("0", text.lower())))


def _drop_signs(parts: Phrase) -> Phrase:
    return tuple(part for part in parts if part[0].isalnum())


def _list_phrases(words: Phrase, size: int) -> list[Phrase]:
    return [words[start : start + size] for start in range(len(words) - size + 1)]


def _list_all(text: str) -> frozenset[Phrase]:
    """In all the sizes that are looked for."""
    parts = _split(text)
    words = _drop_signs(parts)
    phrases = [_list_phrases(words, size) for size in (STOCK_WORDS, VERBATIM_WORDS)]
    return frozenset([parts, *_list_phrases(parts, OPENING_PARTS), *chain.from_iterable(phrases)])
