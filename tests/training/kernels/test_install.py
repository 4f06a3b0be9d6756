"""Which layers get faster arithmetic, and that nothing else about a model changes."""

from __future__ import annotations

import pytest
import torch

from luthier.models.settings import LoraSettings
from luthier.tokens.packing import Batch, pack_rows
from luthier.training.kernels.install import install_kernels
from luthier.training.objectives.likelihood import compute_log_probs
from tests.support.chats import encode_chats
from tests.support.tiny import build_adapted_model

SMALL = LoraSettings(r=4, lora_alpha=8)


@pytest.fixture(scope="module")
def batch() -> Batch:
    return pack_rows(encode_chats(4))


@pytest.mark.parametrize(
    ("kind", "replaced"),
    [
        ("llama", {"LlamaRMSNorm": 5, "LlamaAttention": 2, "LlamaMLP": 2, "Linear": 14}),
        ("mistral", {"MistralRMSNorm": 5, "MistralAttention": 2, "MistralMLP": 2, "Linear": 14}),
        ("qwen2", {"Qwen2RMSNorm": 5, "Qwen2Attention": 2, "Qwen2MLP": 2, "Linear": 14}),
        ("qwen3", {"Qwen3RMSNorm": 9, "Qwen3Attention": 2, "Qwen3MLP": 2, "Linear": 14}),
        ("gemma3", {"Linear": 14}),
    ],
)
def test_layers_are_known_by_their_class(kind: str, replaced: dict[str, int], batch: Batch) -> None:
    model = build_adapted_model(kind=kind)
    before = compute_log_probs(model, batch).detach()
    assert install_kernels(model) == replaced
    assert torch.allclose(compute_log_probs(model, batch), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [SMALL.model_copy(update={"lora_dropout": 0.1}), SMALL.model_copy(update={"use_dora": True})],
    ids=["dropout", "dora"],
)
def test_adapters_that_do_more_keep_their_own_arithmetic(settings: LoraSettings) -> None:
    assert install_kernels(build_adapted_model(settings=settings)) == {"LlamaRMSNorm": 5}


def test_an_adapter_on_some_layers_leaves_the_others_alone(batch: Batch) -> None:
    model = build_adapted_model(settings=SMALL.model_copy(update={"target_modules": ("q_proj", "v_proj")}))
    before = compute_log_probs(model, batch).detach()
    assert install_kernels(model) == {"LlamaRMSNorm": 5, "Linear": 4}
    assert torch.allclose(compute_log_probs(model, batch), before, rtol=1e-5, atol=1e-5)


def test_parameters_and_their_names_stay(batch: Batch) -> None:
    model = build_adapted_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    install_kernels(model)
    compute_log_probs(model, batch)
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_weights_that_are_stacked_are_not_kept_twice() -> None:
    model = build_adapted_model()
    install_kernels(model)
    attention = model.get_base_model().model.layers[0].self_attn
    stacked = [getattr(attention, name).get_base_layer().weight for name in ("q_proj", "k_proj", "v_proj")]
    assert len({weight.untyped_storage().data_ptr() for weight in stacked}) == 1
    assert stacked[0].untyped_storage().nbytes() == sum(weight.nbytes for weight in stacked)


def test_an_adapter_that_is_switched_off_adds_nothing(batch: Batch) -> None:
    model = build_adapted_model()
    with model.disable_adapter():
        expected = compute_log_probs(model, batch)
    install_kernels(model)
    with model.disable_adapter():
        assert torch.allclose(compute_log_probs(model, batch), expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(compute_log_probs(model, batch), expected, rtol=1e-2)


def test_a_changed_adapter_is_seen_at_once(batch: Batch) -> None:
    model = build_adapted_model()
    install_kernels(model)
    before = compute_log_probs(model, batch).detach()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.mul_(2)
    assert not torch.allclose(compute_log_probs(model, batch), before, rtol=1e-3)
