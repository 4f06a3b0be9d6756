"""Pairs of answers go in, and how likely two models find each of them comes out: which of the two the tuning favoured.

Nothing is generated. A pair counts as right when the candidate leans further towards the preferred answer than the
baseline does: the implicit reward of https://arxiv.org/abs/2305.18290, whose sign is what preference tuning trains.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from luthier.data.row_problems import RowProblem, phrase_problems
from luthier.engine.protocol import Answered, Sampling
from luthier.errors import InvalidDataset, UnlikeComparison
from luthier.evaluation.result import EvalManifest
from luthier.evaluation.task import ID_LENGTH
from luthier.stats.intervals import Interval, wilson_interval
from luthier.stats.paired import mcnemar_exact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.conversation import Conversation
    from luthier.data.dataset import Dataset, Example
    from luthier.engine.protocol import Scorer

GRADER = "order of the answers"


@dataclass(frozen=True, slots=True)
class PairSample:
    """`fingerprint` is that of the prompt; `id` comes from the whole pair."""

    id: str
    line: int
    fingerprint: str
    preferred: Conversation
    rejected: Conversation


@dataclass(frozen=True, slots=True)
class PairLean:
    """One model on one pair: log-probabilities of both whole answers, in nats."""

    preferred: float
    rejected: float
    preferred_tokens: int
    rejected_tokens: int
    prompt_hash: str

    @property
    def margin(self) -> float:
        return self.preferred - self.rejected


@dataclass(frozen=True)
class PairResult:
    """`leans` stand in the order of the samples. Lines that the model was trained on void the result."""

    manifest: EvalManifest
    leans: tuple[PairLean, ...]
    trained_on_lines: tuple[int, ...]

    @property
    def model(self) -> str:
        return self.manifest.model

    @property
    def total(self) -> int:
        return len(self.leans)

    @property
    def likelier(self) -> int:
        """Pairs of which the model finds the preferred answer the likelier one; long answers are always less so."""
        return sum(lean.margin > 0 for lean in self.leans)


@dataclass(frozen=True)
class PairComparison:
    """`moves` are the candidate's margins less the baseline's, in nats and in the order of the samples."""

    moves: tuple[float, ...]
    is_shorter: tuple[bool, ...]

    @property
    def total(self) -> int:
        return len(self.moves)

    @cached_property
    def right(self) -> int:
        return sum(move > 0 for move in self.moves)

    @cached_property
    def wrong(self) -> int:
        return sum(move < 0 for move in self.moves)

    @property
    def mean_move(self) -> float:
        return sum(self.moves) / self.total

    @property
    def interval(self) -> Interval:
        """95 percent Wilson interval of the share of pairs that are right."""
        return wilson_interval(self.right, self.total)

    @property
    def p_value(self) -> float:
        """Of the exact sign test, which is McNemar's on these counts: without a lean each pair is a fair coin."""
        return mcnemar_exact(self.right, self.wrong)

    def count_by_length(self, *, is_shorter: bool) -> tuple[int, int]:
        """Right pairs and all pairs whose preferred answer has fewer tokens than the other, or not fewer."""
        moves = [move for move, shorter in zip(self.moves, self.is_shorter, strict=True) if shorter == is_shorter]
        return sum(move > 0 for move in moves), len(moves)


def build_pairs(dataset: Dataset) -> tuple[PairSample, ...]:
    """Raises InvalidDataset when there is none, or that names each one that has nothing to compare."""
    problems = [
        RowProblem(example.line, problem) for example in dataset.examples if (problem := _find_problem(example))
    ]
    if problems or not dataset.examples:
        raise InvalidDataset(
            f"{dataset.name}: {len(problems) or 'all'} of {len(dataset.examples)} pairs cannot be compared",
            rows=phrase_problems(dataset.path, problems),
            hint="give each row a preferred and a rejected answer",
        )
    return tuple(
        PairSample(
            id=example.fingerprint[:ID_LENGTH],
            line=example.line,
            fingerprint=example.prompt_fingerprint,
            preferred=example.conversation,
            rejected=replace(example.conversation, messages=(*example.conversation.prompt, example.rejected)),
        )
        for example in dataset.examples
        if example.rejected is not None
    )


def score_pairs(
    scorer: Scorer,
    model: str,
    pairs: Sequence[PairSample],
    dataset: Dataset,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> PairResult:
    """`on_progress` is called with the number of answers scored since the last call, two for each pair."""
    identity = scorer.identify(model)
    answers = [Answered(model, side) for pair in pairs for side in (pair.preferred, pair.rejected)]
    scores = scorer.score(answers, on_progress=on_progress)
    leans = tuple(
        PairLean(
            preferred=preferred.log_prob,
            rejected=rejected.log_prob,
            preferred_tokens=preferred.answer_tokens,
            rejected_tokens=rejected.answer_tokens,
            prompt_hash=preferred.prompt_hash,
        )
        for preferred, rejected in zip(scores[::2], scores[1::2], strict=True)
    )
    manifest = EvalManifest(
        task=dataset.name,
        data_fingerprint=dataset.fingerprint,
        grader=GRADER,
        sampling=Sampling(),
        engine=scorer.name,
        model=identity.name,
        base=identity.base,
        weights_hash=identity.weights_hash,
        template_hash=identity.template_hash,
    )
    seen = tuple(pair.line for pair in pairs if pair.fingerprint in identity.trained_on)
    return PairResult(manifest, leans, seen)


def compare_leans(baseline: PairResult, candidate: PairResult) -> PairComparison:
    """Raises UnlikeComparison for results of one model, or of prompts or answers that the two do not read alike."""
    if baseline.model == candidate.model:
        raise UnlikeComparison(f"both results are from {baseline.model}", hint="name two models, the baseline first")
    together = list(zip(baseline.leans, candidate.leans, strict=True))
    if any(before.prompt_hash != after.prompt_hash for before, after in together):
        raise UnlikeComparison(
            f"{baseline.model} and {candidate.model} read the pairs as different tokens, so how likely they find them "
            "cannot be compared",
            hint="compare a model with the base it was tuned on, or with another one tuned on that base",
        )
    return PairComparison(
        moves=tuple(after.margin - before.margin for before, after in together),
        is_shorter=tuple(lean.preferred_tokens < lean.rejected_tokens for lean in candidate.leans),
    )


def _find_problem(example: Example) -> str:
    if example.rejected is None:
        return "the row has one answer alone"
    answers = (example.conversation.answer, example.rejected)
    return "" if all(answer.is_trained for answer in answers) else "an answer of weight 0 is no example of anything"
