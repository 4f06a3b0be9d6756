"""Two texts go in, a number from 0 (nothing alike) to 1 (the same) comes out, by one of OpenAI's metrics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from luthier.engine.protocol import EmbeddedTexts
from luthier.errors import InvalidRequest
from luthier.evaluation.graders.openai.overlap import measure_gleu, measure_meteor, measure_rouge_l, measure_rouge_n

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.engine.protocol import Embed

LONGEST_TEXT = 100_000  # characters; the slowest of the metrics but one takes a second or two for these

LONGEST_SEARCHED = 5_000
"""Characters. WRatio looks for a text within another that is 1.5 times as long, in time that grows with the cube."""

SEARCHED_FROM = 1.5


def measure_similarity(metric: str, text: str, reference: str, *, embed: Embed) -> float:
    """Raises InvalidRequest for texts that are too long, and what `embed` raises."""
    if max(len(text), len(reference)) > LONGEST_TEXT:
        raise InvalidRequest(f"text_similarity compares texts of at most {LONGEST_TEXT:,} characters")
    score = measure_cosine(text, reference, embed) if metric == "cosine" else METRICS[metric](text, reference)
    return min(1.0, max(0.0, score))


def embed_ahead(embed: Embed, texts: Sequence[str]) -> Embed:
    """The same, but that all these texts become vectors at once. Raises what `embed` raises."""
    known = list(dict.fromkeys(text for text in texts if len(text) <= LONGEST_TEXT))
    embedded = embed(known) if known else None
    place_of = {text: place for place, text in enumerate(known)}

    def recall(texts: Sequence[str]) -> EmbeddedTexts:
        if embedded is None:
            return embed(texts)
        places = [place_of[text] for text in texts]
        return EmbeddedTexts(embedded.vectors[places], [embedded.token_counts[place] for place in places])

    return recall


def measure_cosine(text: str, reference: str, embed: Embed) -> float:
    """Of the meanings, as the embedding model sees them; what points away from each other counts as 0."""
    mine, theirs = embed([text, reference]).vectors
    return float(mine @ theirs)


def measure_fuzzy_match(text: str, reference: str) -> float:
    """RapidFuzz's WRatio, which is the best of several ratios, so that order and additions count little.

    Raises InvalidRequest.
    """
    from rapidfuzz.fuzz import WRatio

    shorter, longer = sorted((len(text), len(reference)))
    if longer > LONGEST_SEARCHED and longer >= SEARCHED_FROM * shorter:
        raise InvalidRequest(
            f"fuzzy_match takes too long for a text of {longer:,} characters and one of {shorter:,}",
            hint="rouge_l or gleu take texts of any length",
        )
    return WRatio(text, reference) / 100


def measure_bleu(text: str, reference: str) -> float:
    """sacreBLEU's for one sentence, with its smoothing; texts of fewer than four words by the orders they have."""
    from sacrebleu import sentence_bleu

    return sentence_bleu(text, [reference], use_effective_order=True).score / 100


METRICS: dict[str, Callable[[str, str], float]] = {
    "fuzzy_match": measure_fuzzy_match,
    "bleu": measure_bleu,
    "gleu": measure_gleu,
    "meteor": measure_meteor,
    **{f"rouge_{order}": partial(measure_rouge_n, order=order) for order in range(1, 6)},
    "rouge_l": measure_rouge_l,
}
