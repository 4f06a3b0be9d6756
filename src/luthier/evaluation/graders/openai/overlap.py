"""Two texts go in, how far their words agree comes out: GLEU, METEOR, ROUGE-N and ROUGE-L.

Words are runs of letters and digits of any script, in lower case, so that Greek counts as well as English.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

WORD = re.compile(r"[^\W_]+")
GLEU_ORDERS = range(1, 5)

METEOR_RECALL_WEIGHT = 0.9  # alpha, gamma and beta of Lavie and Agarwal, 2007
METEOR_GREATEST_PENALTY = 0.5
METEOR_PENALTY_POWER = 3.0


class Pair(NamedTuple):
    """Places of words that stand for each other."""

    mine: int
    theirs: int


def list_words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def measure_rouge_n(text: str, reference: str, order: int) -> float:
    """F1 of the n-grams (Lin, 2004)."""
    mine, theirs = count_ngrams(list_words(text), order), count_ngrams(list_words(reference), order)
    return _harmonize(count_shared(mine, theirs), mine.total(), theirs.total())


def measure_rouge_l(text: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (Lin, 2004)."""
    from rapidfuzz.distance import LCSseq

    mine, theirs = list_words(text), list_words(reference)
    return _harmonize(LCSseq.similarity(mine, theirs), len(mine), len(theirs))


def measure_gleu(text: str, reference: str) -> float:
    """The lesser of precision and recall over all n-grams up to four (Wu et al., 2016)."""
    mine, theirs = list_words(text), list_words(reference)
    shared, most = 0, 0
    for order in GLEU_ORDERS:
        my_ngrams, their_ngrams = count_ngrams(mine, order), count_ngrams(theirs, order)
        shared += count_shared(my_ngrams, their_ngrams)
        most += max(my_ngrams.total(), their_ngrams.total())
    return shared / most if most else 0.0


def measure_meteor(text: str, reference: str) -> float:
    """Words that are equal, then words of one stem, with a penalty for scattered ones (Lavie and Agarwal, 2007).

    Without synonyms, for which it would take a dictionary of each language; stems are English ones.
    """
    from snowballstemmer import stemmer

    mine, theirs = list_words(text), list_words(reference)
    pairs = pair_words(mine, theirs)
    stem = stemmer("english").stemWord
    stems_of_mine, stems_of_theirs = [stem(word) for word in mine], [stem(word) for word in theirs]
    pairs = sorted(pairs + pair_words(stems_of_mine, stems_of_theirs, taken=pairs))
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(mine), len(pairs) / len(theirs)
    mean = precision * recall / (METEOR_RECALL_WEIGHT * precision + (1 - METEOR_RECALL_WEIGHT) * recall)
    penalty = METEOR_GREATEST_PENALTY * (count_chunks(pairs) / len(pairs)) ** METEOR_PENALTY_POWER
    return float(mean * (1 - penalty))


def pair_words(mine: Sequence[str], theirs: Sequence[str], *, taken: Sequence[Pair] = ()) -> list[Pair]:
    """Each word with an equal one that is free, from left to right: the one after the last pair where that is equal."""
    my_taken, their_taken = {pair.mine for pair in taken}, {pair.theirs for pair in taken}
    free: dict[str, dict[int, None]] = defaultdict(dict)
    for place, word in enumerate(theirs):
        if place not in their_taken:
            free[word][place] = None
    pairs: list[Pair] = []
    follows = {pair.mine + 1: pair.theirs + 1 for pair in taken}
    for place, word in enumerate(mine):
        if place in my_taken or not free[word]:
            continue
        wanted = follows.get(place, -1)
        chosen = wanted if wanted in free[word] else next(iter(free[word]))
        del free[word][chosen]
        follows[place + 1] = chosen + 1
        pairs.append(Pair(place, chosen))
    return pairs


def count_chunks(pairs: Sequence[Pair]) -> int:
    """Runs of pairs that follow each other in both texts; `pairs` are sorted."""
    breaks = sum(later != Pair(earlier.mine + 1, earlier.theirs + 1) for earlier, later in pairwise(pairs))
    return breaks + 1


def count_ngrams(words: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(order)), strict=False))


def count_shared(mine: Counter[tuple[str, ...]], theirs: Counter[tuple[str, ...]]) -> int:
    return (mine & theirs).total()


def _harmonize(shared: int, mine: int, theirs: int) -> float:
    """F1 from counts: 2PR/(P+R) with P = shared/mine and R = shared/theirs."""
    return 2 * shared / (mine + theirs) if shared else 0.0
