"""Pairs of answers: what counts as right, against which model, and when the verdict may say so."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from luthier.engine.protocol import Likelihood, ModelIdentity
from luthier.errors import InvalidDataset, UnlikeComparison
from luthier.evaluation.ordering import build_pairs, compare_leans, score_pairs
from luthier.evaluation.preference_report import CAVEAT, PreferenceReport, build_preference_report
from tests.support.preferences import make_preferences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from luthier.engine.protocol import Answered

DATA = make_preferences(12)
PAIRS = build_pairs(DATA)


@dataclass(frozen=True)
class WrittenScorer:
    """Log-probabilities are written down: that of a preferred answer by the number of its pair, any other is -10."""

    preferred: Mapping[str, Sequence[float]]
    trained_on: frozenset[str] = frozenset()
    prompt_hashes: Mapping[str, str] | None = None
    name: str = "written"

    def identify(self, model: str) -> ModelIdentity:
        return ModelIdentity(model, "base", model, "template", self.trained_on)

    def score(
        self, answers: Sequence[Answered], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Likelihood]:
        if on_progress is not None:
            on_progress(len(answers))
        return [self._score(answered) for answered in answers]

    def _score(self, answered: Answered) -> Likelihood:
        place = next((i for i, pair in enumerate(PAIRS) if pair.preferred == answered.conversation), None)
        log_prob = -10.0 if place is None else self.preferred[answered.model][place]
        tokens = len(answered.conversation.answer.content)
        return Likelihood(log_prob, tokens, (self.prompt_hashes or {}).get(answered.model, "same"))


def report(before: Sequence[float], after: Sequence[float], **settings: object) -> PreferenceReport:
    scorer = WrittenScorer({"base": before, "tuned": after}, **settings)
    base, tuned = (score_pairs(scorer, model, PAIRS, DATA) for model in ("base", "tuned"))
    return build_preference_report("manners", PAIRS, tuned, baseline=base)


def test_a_pair_is_right_when_the_candidate_leans_further_than_the_baseline() -> None:
    before = [-20.0] * 12
    after = [-15.0] * 11 + [-30.0]
    found = report(before, after).comparison
    assert found.moves == (5.0,) * 11 + (-10.0,)
    assert (found.right, found.wrong, found.total) == (11, 1, 12)
    assert found.mean_move == pytest.approx(45 / 12)
    assert found.interval.low < 11 / 12 < found.interval.high
    assert found.p_value == pytest.approx(2 * 13 / 2**12)


def test_which_answer_is_likelier_is_counted_for_each_model_by_itself() -> None:
    found = report([-20.0] * 12, [-5.0] * 4 + [-15.0] * 8)
    assert [result.likelier for result in found.results] == [0, 4]
    assert found.comparison.right == 12


def test_pairs_that_did_not_move_are_neither_right_nor_wrong() -> None:
    found = report([-20.0] * 12, [-20.0] * 5 + [-19.0] * 7).comparison
    assert (found.right, found.wrong, found.total) == (7, 0, 12)
    assert found.p_value == pytest.approx(2 / 2**7)


@pytest.mark.parametrize(
    ("after", "decision", "reason"),
    [
        ([-15.0] * 12, "ship", "Luck alone would not do that."),
        ([-15.0] * 7 + [-25.0] * 5, "cannot_tell", "may be luck"),
        ([-25.0] * 12, "do_not_ship", "leans towards the rejected answers"),
        ([-20.0] * 12, "cannot_tell", "may be luck"),
    ],
)
def test_the_verdict_follows_from_the_sign_test(after: list[float], decision: str, reason: str) -> None:
    verdict = report([-20.0] * 12, after).verdict
    assert verdict.decision == decision
    assert reason in verdict.reasons[1]
    assert verdict.reasons[-1] == CAVEAT


def test_pairs_that_were_trained_on_prove_nothing() -> None:
    found = report([-20.0] * 12, [-15.0] * 12, trained_on=frozenset({PAIRS[2].fingerprint}))
    assert found.candidate.trained_on_lines == (3,)
    assert found.verdict.decision == "do_not_ship"
    assert "line 3" in found.verdict.reasons[1]


def test_too_few_pairs_decide_nothing() -> None:
    scorer = WrittenScorer({"base": [-20.0] * 12, "tuned": [-15.0] * 12})
    base, tuned = (score_pairs(scorer, model, PAIRS[:5], DATA) for model in ("base", "tuned"))
    verdict = build_preference_report("manners", PAIRS[:5], tuned, baseline=base).verdict
    assert verdict.decision == "cannot_tell"
    assert "With 5 pairs" in verdict.reasons[1]


def test_length_is_told_apart_since_it_may_be_all_that_was_learnt() -> None:
    found = report([-20.0] * 12, [-15.0] * 12).comparison
    assert found.count_by_length(is_shorter=False) == (12, 12)
    assert found.count_by_length(is_shorter=True) == (0, 0)
    mirrored = replace(found, is_shorter=(True,) * 4 + (False,) * 8)
    assert mirrored.count_by_length(is_shorter=True) == (4, 4)


def test_models_that_read_other_tokens_or_are_the_same_are_not_compared() -> None:
    with pytest.raises(UnlikeComparison, match="read the pairs as different tokens"):
        report([-20.0] * 12, [-15.0] * 12, prompt_hashes={"tuned": "other"})
    scorer = WrittenScorer({"base": [-20.0] * 12})
    result = score_pairs(scorer, "base", PAIRS, DATA)
    with pytest.raises(UnlikeComparison, match="both results are from base"):
        compare_leans(result, result)


def test_rows_without_two_answers_are_named() -> None:
    first, second, *others = DATA.examples
    alone = replace(first, rejected=None)
    muted = replace(second, rejected=replace(second.rejected, is_trained=False))
    with pytest.raises(InvalidDataset, match="2 of 12 pairs cannot be compared") as caught:
        build_pairs(replace(DATA, examples=(alone, muted, *others)))
    assert caught.value.rows == (
        "manners.jsonl:1: the row has one answer alone",
        "manners.jsonl:2: an answer of weight 0 is no example of anything",
    )
    with pytest.raises(InvalidDataset):
        build_pairs(replace(DATA, examples=()))


def test_the_report_is_json_with_every_number() -> None:
    document = json.loads(json.dumps(report([-20.0] * 12, [-15.0] * 12).to_json()))
    assert (document["format"], document["baseline"], document["candidate"]) == ("preference-1", "base", "tuned")
    assert document["comparison"]["right"] == 12
    assert document["comparison"]["by_preferred_length"]["not_shorter"] == {"right": 12, "total": 12}
    assert document["cases"][0]["move"] == 5.0
    assert document["cases"][0]["leans"]["tuned"]["preferred"] == -15.0
    assert document["verdict"]["decision"] == "ship"
    alone = build_preference_report(
        "manners", PAIRS, score_pairs(WrittenScorer({"base": [-1.0] * 12}), "base", PAIRS, DATA)
    )
    assert (alone.to_json()["verdict"], alone.to_json()["comparison"]) == (None, None)
