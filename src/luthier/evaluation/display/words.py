"""Two texts become runs of words that both have or only one of them."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from luthier.evaluation.display.pieces import Mark, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_WORDS_COMPARED = 600
MOST_PAIRS_COMPARED = 10_000
"""Equal words of both texts, each with each: difflib's time grows with them, and a model that repeats itself without
end makes it square."""
LEAST_ALIKE = 0.3  # of the words; below it a mixture of both texts is harder to read than either
FEWEST_SHARED = 3  # words in a row; fewer are in common by chance
WORD = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")
"""With the blanks before it, which would else be the commonest word of all."""


def mark_words(text: str, reference: str) -> list[Piece]:
    """`text`, with what the reference does not say marked as wrong; unmarked when comparing would take too long."""
    words, wanted = WORD.findall(text), WORD.findall(reference)
    if is_too_much(words, wanted):
        return [Piece(text)]
    pieces = []
    for kind, _, _, start, end in SequenceMatcher(None, wanted, words, autojunk=False).get_opcodes():
        pieces += mark_run(words[start:end], "" if kind == "equal" else "wrong")
    return pieces


def mix_words(before: str, after: str) -> list[Piece] | None:
    """Both texts in one, with what went and what came; None when comparing would take too long, or when they have
    hardly a word in common."""
    old, new = WORD.findall(before), WORD.findall(after)
    if is_too_much(old, new):
        return None
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < LEAST_ALIKE:
        return None
    pieces = []
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            pieces.append(Piece("".join(old[start:end])))
        else:
            pieces += mix_runs("".join(old[start:end]), "".join(new[new_start:new_end]))
    return pieces


def mix_runs(old: str, new: str) -> list[Piece]:
    """A blank before both is one that both have."""
    blank = " " if old.startswith(" ") and new.startswith(" ") else ""
    return [Piece(blank), Piece(old.removeprefix(blank), "removed"), Piece(new.removeprefix(blank), "added")]


def mark_shared(text: str, other: str) -> list[Piece]:
    """`text`, with each run of words marked that stands in the other one too, whatever the case of its letters."""
    words, others = WORD.findall(text), WORD.findall(other)
    folded, folded_others = fold_words(words), fold_words(others)
    if is_too_much(folded, folded_others):
        return [Piece(text)]
    matcher = SequenceMatcher(None, folded, folded_others, autojunk=False)
    return list(list_shared(words, matcher))


def list_shared(words: Sequence[str], matcher: SequenceMatcher[str]) -> Iterator[Piece]:
    for kind, start, end, _, _ in matcher.get_opcodes():
        is_shared = kind == "equal" and end - start >= FEWEST_SHARED
        yield from mark_run(words[start:end], "shared" if is_shared else "")


def mark_run(words: Sequence[str], mark: Mark) -> list[Piece]:
    """One blank before the first word stays without a mark, as it would look like one of the word."""
    run = "".join(words)
    if mark and run.startswith(" ") and run.strip():
        return [Piece(" "), Piece(run[1:], mark)]
    return [Piece(run, mark)]


def fold_words(words: Sequence[str]) -> list[str]:
    return [word.strip().casefold() for word in words]


def is_too_much(words: Sequence[str], others: Sequence[str]) -> bool:
    if max(len(words), len(others)) > MOST_WORDS_COMPARED:
        return True
    counts = Counter(others)
    return sum(counts[word] for word in words) > MOST_PAIRS_COMPARED
