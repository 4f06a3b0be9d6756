"""How sure a model is of the right end: by the log-probabilities of transformers, and what a loss of it amounts to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from luthier.engine.torch_engine import TorchEngine
from luthier.evaluation.forgetting.cloze import GapScores, count_ends, judge_gaps, score_gaps
from luthier.evaluation.forgetting.material import Gap
from luthier.models.registry import resolve_model
from tests.support.tiny import build_model, build_tokenizer

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.store.home import Home

GAPS = (
    Gap("facts", "The capital of France is", " Paris", (" Rome", " Madrid")),
    Gap("grammar", "The dogs", " bark", (" barks",)),
)


@torch.no_grad()
def score_plainly(context: str, end: str) -> float:
    """The mean log-probability of the end's tokens."""
    ids = build_tokenizer()(context + end)["input_ids"]
    log_probs = build_model()(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    places = range(len(ids) - len(end), len(ids))
    return float(np.mean([float(log_probs[place - 1, ids[place]]) for place in places]))


def test_ends_are_scored_as_transformers_does_and_nothing_before_them(home: Home, tiny_base: Base) -> None:
    done: list[int] = []
    with TorchEngine(lambda name: resolve_model(home, name), precision="float32") as engine:
        scores = score_gaps(engine, tiny_base.name, GAPS, on_progress=done.append)
    expected = [[score_plainly(gap.context, end) for end in (gap.right, *gap.wrong)] for gap in GAPS]
    assert [list(ends) for ends in scores.ends] == [pytest.approx(ends, abs=1e-4) for ends in expected]
    assert sum(done) == count_ends(GAPS) == 5


def test_a_share_is_that_of_the_right_end_among_all() -> None:
    even, sure, wrong = GapScores(((-1.0, -1.0, -1.0), (-1.0, -40.0), (-40.0, -1.0))).shares
    assert even == pytest.approx(np.log(1 / 3))
    assert sure == pytest.approx(0.0)
    assert wrong == pytest.approx(-39.0)


def make_scores(shift: float, seed: int = 0) -> GapScores:
    """Of 100 gaps; the right end is less likely by `shift` nats, more or less."""
    generator = np.random.default_rng(seed)
    right = generator.normal(-1.5, 0.5, 100) - shift + generator.normal(0, 0.05, 100) * bool(shift)
    return GapScores(tuple((float(each), -2.0, -3.0) for each in right))


def test_a_loss_beyond_the_margin_is_degraded_with_the_items_that_now_go_wrong() -> None:
    gaps = [GAPS[0]] * 100
    family = judge_gaps(gaps, make_scores(0.0), make_scores(1.0), margin=0.1)
    assert family.state == "degraded"
    assert family.measured == pytest.approx(family.baseline - family.candidate)
    assert family.interval.low > 0.1
    assert {example.baseline for example in family.examples} == {"Paris"}
    assert {example.candidate for example in family.examples} == {"Rome"}


def test_no_loss_is_ok_and_a_loss_about_the_margin_cannot_be_told() -> None:
    gaps = [GAPS[0]] * 100
    assert judge_gaps(gaps, make_scores(0.0), make_scores(0.0), margin=0.1).state == "ok"
    assert judge_gaps(gaps, make_scores(0.0), make_scores(0.2), margin=0.1).state == "cannot_tell"
