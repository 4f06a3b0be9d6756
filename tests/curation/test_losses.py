"""Losses of answers are exact: those of a plain forward pass over one row, in whatever batch the row is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch.nn.functional import cross_entropy

from luthier.conversation import Conversation, Message
from luthier.curation import losses
from luthier.curation.likelihood import AnswerLosses, Refused
from luthier.curation.losses import measure_answers
from luthier.models.loading import LoadedBase, load_base
from luthier.tokens.encode import encode_conversation

if TYPE_CHECKING:
    from luthier.models.catalog import Base


@pytest.fixture(scope="module")
def base(tiny_base: Base) -> LoadedBase:
    return load_base(tiny_base, precision="float32")


def chat(prompt: str, answer: str) -> Conversation:
    return Conversation((Message("system", "Be brief."), Message("user", prompt), Message("assistant", answer)))


def measure(base: LoadedBase, *conversations: Conversation) -> list[AnswerLosses]:
    return [result for result in measure_answers(base, conversations) if isinstance(result, AnswerLosses)]


def plain_loss(base: LoadedBase, ids: list[int], start: int) -> float:
    """Mean over the tokens from `start` on."""
    with torch.no_grad():
        logits = base.model(input_ids=torch.tensor([ids])).logits[0]
    return float(cross_entropy(logits[start - 1 : -1], torch.tensor(ids[start:])))


def test_both_losses_are_those_of_a_plain_pass_over_the_same_tokens(base: LoadedBase) -> None:
    conversation = chat("the red cup", "red")
    row = encode_conversation(base.template, conversation)
    answer = [token for token, is_target in zip(row.ids, row.is_target, strict=True) if is_target]
    end = max(place for place, is_target in enumerate(row.is_target) if is_target) + 1
    opening = base.template.encode_text("<|im_start|>assistant\n")
    found = measure(base, conversation)[0]
    base.model.set_attn_implementation("sdpa")
    assert found.after_prompt == pytest.approx(plain_loss(base, [*row.ids[:end]], end - len(answer)), rel=1e-4)
    assert found.alone == pytest.approx(plain_loss(base, [*opening, *answer], len(opening)), rel=1e-4)


def test_company_changes_nothing(base: LoadedBase, monkeypatch: pytest.MonkeyPatch) -> None:
    chats = [chat("the red cup " * n, "red " * (n % 4 + 1)) for n in range(1, 12)]
    together = measure(base, *chats)
    monkeypatch.setattr(losses, "TOKENS_AT_ONCE", 1)
    for one, other in zip(together, measure(base, *chats), strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_the_same_answer_alone_costs_the_same_after_any_prompt(base: LoadedBase) -> None:
    first, second = measure(base, chat("the red cup", "red"), chat("what is the capital of Peru?", "red"))
    assert first.alone == pytest.approx(second.alone, rel=1e-5)
    assert first.after_prompt != pytest.approx(second.after_prompt, rel=1e-3)


def test_every_trained_answer_of_a_conversation_counts(base: LoadedBase) -> None:
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"), Message("assistant", "dd"))
    alone = [
        measure(base, Conversation((Message("user", "x"), Message("assistant", text))))[0].alone for text in ("b", "dd")
    ]
    found = measure(base, Conversation(turns))[0]
    assert found.alone == pytest.approx((2 * alone[0] + 3 * alone[1]) / 5, rel=1e-4)  # a byte each, and the end


def test_what_cannot_be_learned_is_refused_with_its_reason_and_the_rest_is_measured(base: LoadedBase) -> None:
    results = measure_answers(base, [chat("x" * 2000, "y"), chat("a", "b"), chat("<|im_end|>", "y")])
    assert [type(result) for result in results] == [Refused, AnswerLosses, Refused]
    assert "reads 1024" in str(results[0])
    assert "control token" in str(results[2])


def test_progress_ends_with_all_rows(base: LoadedBase) -> None:
    seen: list[tuple[int, int]] = []
    measure_answers(base, [chat("a", "b"), chat("c", "d")], on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)  # each answer twice
