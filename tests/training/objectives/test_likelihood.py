"""Log-probabilities of targets against a softmax over all logits."""

from __future__ import annotations

import pytest
import torch
from peft import PeftModel

from luthier.tokens.packing import Batch, pack_rows
from luthier.training.objectives import likelihood
from luthier.training.objectives.likelihood import compute_log_probs, compute_scores, score_labels, score_targets
from tests.support.chats import encode_chats
from tests.support.tiny import build_adapted_model


@pytest.fixture(scope="module")
def batch() -> Batch:
    return pack_rows(encode_chats(5))


def compute_logits(model: PeftModel, batch: Batch) -> torch.Tensor:
    """At the targets' places, from the whole model."""
    output = model(input_ids=batch.input_ids, position_ids=batch.position_ids, tree=batch.tree)
    return output.logits[0, batch.target_positions]


def collect_gradients(model: PeftModel, loss: torch.Tensor) -> torch.Tensor:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.cat([grad.flatten() for grad in torch.autograd.grad(loss, trained)])


def weigh(values: torch.Tensor) -> torch.Tensor:
    """Unlike factors, so that no two targets could stand for one another."""
    return (values * torch.linspace(0.5, 2, len(values), dtype=values.dtype)).sum()


def make_head_trainable(model: PeftModel) -> None:
    model.get_output_embeddings().weight.requires_grad_()


def give_head_a_bias(model: PeftModel) -> None:
    head = model.get_output_embeddings()
    head.bias = torch.nn.Parameter(torch.randn(head.out_features, dtype=head.weight.dtype), requires_grad=False)


def cap_logits(model: PeftModel) -> None:
    model.config.final_logit_softcapping = 3.0


@pytest.mark.parametrize("rows_at_once", [1, 7, 10_000])
@pytest.mark.parametrize("change", [None, make_head_trainable, give_head_a_bias])
def test_chunks_give_the_log_softmax_and_its_gradient(
    batch: Batch, change: object, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build_adapted_model(torch.float64)
    if callable(change):
        change(model)
    vocabulary = model.get_output_embeddings().weight.shape[0]
    monkeypatch.setattr(likelihood, "LOGITS_AT_ONCE", rows_at_once * vocabulary)
    monkeypatch.setattr(likelihood, "LOGITS_IN_CACHE", rows_at_once * vocabulary // 2)
    found = compute_log_probs(model, batch)
    expected = compute_logits(model, batch).log_softmax(1).gather(1, batch.labels[:, None])[:, 0]
    assert torch.allclose(found, expected, rtol=1e-12)
    found_grad, expected_grad = (collect_gradients(model, weigh(values)) for values in (found, expected))
    assert float((found_grad - expected_grad).norm() / expected_grad.norm()) < 1e-12


def test_an_unlikely_label_keeps_its_log_probability() -> None:
    hidden = torch.eye(3)[:1] * 400
    log_probs, _ = score_labels(hidden, torch.eye(3), None, torch.tensor([1]))
    assert log_probs.tolist() == [-400.0]


def test_a_likely_label_keeps_its_gradient_in_bfloat16() -> None:
    """At probabilities of 0.998 and more, which bfloat16 itself would call 1."""
    torch.manual_seed(0)
    weight = (torch.randn(512, 64) / 8).bfloat16()
    labels = torch.arange(20)
    hidden = (16 * weight[labels].float() + torch.randn(20, 64)).bfloat16()
    found, exact = hidden.clone().requires_grad_(), hidden.double().requires_grad_()
    log_probs = (exact @ weight.double().T).log_softmax(1)[range(20), labels]
    assert log_probs.exp().median() > 0.998
    log_probs.sum().backward()
    score_labels(found, weight, None, labels)[0].sum().backward()
    errors = (found.grad - exact.grad).norm(dim=1) / exact.grad.norm(dim=1)
    assert errors.median() < 0.05


def test_a_model_that_caps_its_logits_computes_them_itself(batch: Batch) -> None:
    model = build_adapted_model(kind="gemma3")
    cap_logits(model)
    logits = compute_logits(model, batch)
    assert logits.abs().max() < 3
    expected = logits.log_softmax(1).gather(1, batch.labels[:, None])[:, 0]
    assert torch.allclose(compute_log_probs(model, batch), expected, rtol=1e-5)
    assert torch.allclose(score_targets(model, batch).log_probs, expected, rtol=1e-5)


def test_scores_say_which_targets_greedy_decoding_would_choose(batch: Batch) -> None:
    model = build_adapted_model()
    scores = score_targets(model, batch)
    logits = compute_logits(model, batch)
    assert scores.is_argmax.tolist() == (logits.argmax(1) == batch.labels).tolist()
    assert torch.allclose(scores.log_probs, compute_log_probs(model, batch), rtol=1e-5)
    assert not scores.log_probs.requires_grad


def test_no_logits_are_kept_for_the_backward_pass(batch: Batch) -> None:
    model = build_adapted_model()
    vocabulary = model.get_output_embeddings().weight.shape[0]
    kept: list[torch.Size] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        compute_log_probs(model, batch)
    assert kept
    assert (len(batch.labels), vocabulary) not in kept


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_the_share_of_right_tokens_is_the_same_in_training_and_in_measuring(batch: Batch, kind: str) -> None:
    model = build_adapted_model(kind=kind)
    likeliest = likelihood._compute_logits(model, batch).argmax(1)
    is_even = torch.arange(len(likeliest)) % 2 == 0
    batch = batch._replace(labels=torch.where(is_even, likeliest, batch.labels))
    found, expected = compute_scores(model, batch), score_targets(model, batch)
    assert torch.equal(found.is_argmax, expected.is_argmax)
    assert 0 < found.is_argmax.float().mean() < 1
    assert not found.is_argmax.requires_grad
