"""Two texts and the name of a metric go in, a number from 0 (nothing alike) to 1 (the same) comes out.

A high number is no proof: a wrong date or one missing "not" costs a text little.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from luthier.evaluation.graders.openai.overlap import list_words, measure_rouge_l

if TYPE_CHECKING:
    from collections.abc import Callable

    from sacrebleu.metrics.base import Metric

LONGEST_TEXT = 100_000  # characters


def measure_likeness(metric: str, text: str, reference: str) -> float:
    """Texts that are equal, white space around them aside, are alike by every metric."""
    text, reference = text.strip(), reference.strip()
    if text == reference:
        return 1.0
    # The half of a surrogate pair that a model may write is no character to the libraries.
    readable = text.encode("utf-8", "replace").decode("utf-8")
    return min(1.0, max(0.0, METRICS[metric](readable, reference.encode("utf-8", "replace").decode("utf-8"))))


def sign_metric(metric: str) -> str:
    """What the numbers depend on besides the texts; sacreBLEU's own signature where they are its."""
    if metric in ("bleu", "chrf"):
        scorer = build_scorer(metric)
        scorer.sentence_score("", [""])  # it signs only what it has measured
        return f"{metric}|{scorer.get_signature()}"
    return f"{metric}|rapidfuzz:{version('rapidfuzz')}" if metric in ("fuzzy", "rouge_l") else f"{metric}|words:lower"


@cache
def build_scorer(metric: str) -> Metric:
    """By sentence, so without the orders of n-grams that a short one cannot have."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return BLEU(effective_order=True) if metric == "bleu" else CHRF()


def measure_fuzzy(text: str, reference: str) -> float:
    """RapidFuzz's ratio: twice the characters that both have in one order, of all characters of both."""
    from rapidfuzz.fuzz import ratio

    return ratio(text, reference) / 100


def measure_chrf(text: str, reference: str) -> float:
    """chrF2 (Popović, 2015): F-score of character n-grams up to six, recall weighing twice."""
    return float(build_scorer("chrf").sentence_score(text, [reference]).score) / 100


def measure_bleu(text: str, reference: str) -> float:
    return float(build_scorer("bleu").sentence_score(text, [reference]).score) / 100


def measure_token_f1(text: str, reference: str) -> float:
    """F1 of the words that both have, in any order, as in SQuAD but for words of any language."""
    mine, theirs = Counter(list_words(text)), Counter(list_words(reference))
    shared = (mine & theirs).total()
    return 2 * shared / (mine.total() + theirs.total()) if shared else 0.0


METRICS: dict[str, Callable[[str, str], float]] = {
    "fuzzy": measure_fuzzy,
    "chrf": measure_chrf,
    "bleu": measure_bleu,
    "rouge_l": measure_rouge_l,
    "token_f1": measure_token_f1,
}
