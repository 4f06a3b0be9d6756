"""An adapter's files are read as PEFT computes with them, and whatever is wrong with them is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from luthier.engine.adapters.layers import BaseLayers, list_shapes
from luthier.engine.adapters.reading import read_adapter
from luthier.errors import StoreDamaged
from luthier.models.lora import save_adapter
from luthier.models.settings import LoraSettings
from luthier.models.tensors import digest_tensors
from luthier.models.tuning import digest_trained
from tests.support.tiny import KINDS, build_adapted_model, build_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from peft import PeftModel
    from transformers import PreTrainedModel

    from luthier.engine.adapters.adapter import Adapter, LowRank
    from tests.support.tiny import Kind

SETTINGS = {
    "lora": LoraSettings(r=4, lora_alpha=8),
    "rslora": LoraSettings(r=4, lora_alpha=6, use_rslora=True),
    "dora": LoraSettings(r=3, lora_alpha=5, use_dora=True),
    "dora and rslora of attention": LoraSettings(r=2, use_dora=True, use_rslora=True, target_modules="attention"),
    "two layers": LoraSettings(r=4, target_modules=("down_proj", "q_proj")),
}
IDS = torch.tensor([[5, 8, 13, 21, 34, 55, 89]])

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
DOWN = "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight"
UP = "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"


def describe_layers(model: PreTrainedModel) -> BaseLayers:
    """Of a dense model that no runner has taken over."""

    def get_weight(path: str) -> torch.Tensor:
        layer: Any = model.get_submodule(path)
        weight: torch.Tensor = layer.weight.data
        return weight if isinstance(layer, torch.nn.Linear) else weight.t()

    return BaseLayers(list_shapes(model), get_weight, model.dtype, model.device)


def read(folder: Path, model: PreTrainedModel, *, weights_hash: str = "") -> Adapter:
    """With the hash that its file has, unless another is named."""
    found = weights_hash or digest_tensors(load_file(folder / WEIGHTS))
    return read_adapter(folder, name="tuned", weights_hash=found, layers=describe_layers(model))


def apply_adapter(model: PreTrainedModel, adapter: Adapter) -> torch.Tensor:
    """Logits of a plain model of which each layer's output is made what `LowRank` promises."""

    def add(part: LowRank, layer: torch.nn.Linear, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        bias = 0 if layer.bias is None else layer.bias
        whole = output - bias + inputs[0] @ part.down.T @ part.up.T
        return whole * (1 if part.output_scale is None else part.output_scale) + bias

    for path, part in adapter.parts.items():
        model.get_submodule(path).register_forward_hook(lambda *call, part=part: add(part, *call))
    with torch.inference_mode():
        return model(input_ids=IDS).logits


def compute(model: PeftModel) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(input_ids=IDS).logits


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_adapter(build_adapted_model(), tmp_path, base="tiny")
    return tmp_path


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def configure(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | changes))


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_computes_what_peft_computes(tmp_path: Path, kind: Kind, settings: LoraSettings) -> None:
    adapted = build_adapted_model(torch.float64, kind=kind, settings=settings)
    save_adapter(adapted, tmp_path, base="tiny")
    model = build_model(torch.float64, kind=kind)
    for each in (model, adapted.get_base_model()):
        each.set_attn_implementation("eager")
    expected = compute(adapted)
    with torch.inference_mode():
        plain = model(input_ids=IDS).logits
    found = apply_adapter(model, read(tmp_path, model))
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    assert (expected - plain).abs().max() > 1e-3


def test_patterns_of_ranks_and_alphas_are_followed_and_the_head_may_have_an_adapter(tmp_path: Path) -> None:
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=r".*\.(q_proj|v_proj|down_proj)|lm_head",
        rank_pattern={"q_proj": 2, r"layers\.1\.mlp\.down_proj": 5},
        alpha_pattern={r"layers.0.*v_proj": 3, "down_proj": 7.5},
        use_dora=True,
    )
    adapted = get_peft_model(build_model(torch.float64), config)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.double().uniform_(0.1, 0.5)
    adapted.save_pretrained(tmp_path, save_embedding_layers=False)
    model = build_model(torch.float64)
    adapter = read(tmp_path, model)
    torch.testing.assert_close(apply_adapter(model, adapter), compute(adapted), rtol=1e-11, atol=1e-11)
    assert sorted({len(part.down) for part in adapter.parts.values()}) == [2, 4, 5]
    assert adapter.rank == 5
    assert "lm_head" in adapter.parts


def test_layers_that_keep_their_weights_turned_have_adapters_like_others(tmp_path: Path) -> None:
    """GPT-2's are called Conv1D."""

    def build() -> PreTrainedModel:
        torch.manual_seed(0)
        return GPT2LMHeadModel(GPT2Config(vocab_size=99, n_embd=32, n_layer=2, n_head=4)).double().eval()

    config = LoraConfig(r=3, lora_alpha=5, use_dora=True, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True)
    adapted = get_peft_model(build(), config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.uniform_(-0.1, 0.1)
    adapted.save_pretrained(tmp_path)
    adapter = read(tmp_path, build())
    assert {tuple(part.up.shape) for part in adapter.parts.values()} == {(96, 3), (128, 3)}
    torch.testing.assert_close(apply_adapter(build(), adapter), compute(adapted.double()), rtol=1e-6, atol=1e-6)


def test_it_has_the_precision_of_its_base_and_owns_its_bytes(saved: Path) -> None:
    model = build_model(torch.bfloat16)
    adapter = read(saved, model)
    numbers = sum(tensor.numel() for tensor in load_file(saved / WEIGHTS).values())
    assert adapter.byte_count == 2 * numbers
    assert {tensor.dtype for part in adapter.parts.values() for tensor in part[:2]} == {torch.bfloat16}
    same_precision = read(saved, build_model())
    assert same_precision.byte_count == 4 * numbers


def test_the_hash_is_the_one_that_training_writes_into_the_card(tmp_path: Path) -> None:
    adapted = build_adapted_model(settings=SETTINGS["dora"])
    save_adapter(adapted, tmp_path, base="tiny")
    assert read(tmp_path, build_model(), weights_hash=digest_trained(adapted)).weights_hash == digest_trained(adapted)


def test_one_changed_number_is_noticed(saved: Path) -> None:
    former = digest_tensors(load_file(saved / WEIGHTS))
    rewrite(saved, lambda tensors: tensors[UP][0, 0].add_(1e-6))
    with pytest.raises(StoreDamaged, match=r"adapter_model\.safetensors does not hold the weights .* card of tuned"):
        read(saved, build_model(), weights_hash=former)


LIES: dict[str, tuple[Callable[[dict[str, torch.Tensor]], object], str]] = {
    "ranks that disagree": (lambda t: t.update({UP: t[UP][:, :3].clone()}), rf"{UP} is 32 x 3, .* should be 32 x 4"),
    "another rank than the config's": (
        lambda t: t.update({DOWN: t[DOWN][:2].clone(), UP: t[UP][:, :2].clone()}),
        rf"{DOWN} is 2 x 64, and it should be 4 x 64",
    ),
    "inputs of another layer": (lambda t: t.update({DOWN: torch.zeros(4, 65)}), rf"{DOWN} is 4 x 65"),
    "outputs of another layer": (lambda t: t.update({UP: torch.zeros(33, 4)}), rf"{UP} is 33 x 4"),
    "a vector": (lambda t: t.update({UP: torch.zeros(4)}), rf"{UP} is 4, "),
    "a single number": (lambda t: t.update({UP: torch.tensor(1.0)}), rf"{UP} is a single number"),
    "only A": (lambda t: t.pop(UP), rf"{UP} is missing"),
    "only B": (lambda t: t.pop(DOWN), rf"{DOWN} is missing"),
    "a layer that the base lacks": (
        lambda t: t.update({UP.replace("layers.0", "layers.2"): t[UP].clone()}),
        r"layers\.2\.mlp\.down_proj, which is no linear layer of the base",
    ),
    "an embedding": (
        lambda t: t.update({"base_model.model.model.embed_tokens.lora_embedding_A": torch.zeros(4, 9)}),
        r"embed_tokens\.lora_embedding_A is none of lora_A\.weight, lora_B\.weight of a layer",
    ),
    "a magnitude without DoRA": (
        lambda t: t.update({DOWN.replace("lora_A.weight", "lora_magnitude_vector"): torch.ones(32)}),
        "lora_magnitude_vector is none of",
    ),
    "a whole layer": (
        lambda t: t.update({"base_model.model.lm_head.weight": torch.zeros(3, 3)}),
        r"lm_head\.weight is",
    ),
    "names without the prefix": (lambda t: t.update({"lm_head.lora_A.weight": torch.zeros(4, 32)}), "lm_head.*none of"),
    "not a number": (lambda t: t[UP][3].fill_(float("nan")), rf"{UP} holds what is no finite number"),
    "infinity": (lambda t: t[DOWN][1].fill_(float("inf")), rf"{DOWN} holds what is no finite number"),
    "whole numbers": (lambda t: t.update({UP: torch.zeros(32, 4, dtype=torch.int8)}), rf"{UP} holds what is no finite"),
    "nothing": (lambda t: t.clear(), "it holds no tensors"),
}


@pytest.mark.parametrize(("change", "told"), LIES.values(), ids=LIES)
def test_tensors_that_lie_are_refused_by_name(
    saved: Path, change: Callable[[dict[str, torch.Tensor]], object], told: str
) -> None:
    rewrite(saved, change)
    with pytest.raises(StoreDamaged, match=rf"{saved / WEIGHTS} does not fit its base: .*{told}") as refused:
        read(saved, build_model())
    assert "tune the model again" in refused.value.hint


def test_dora_without_its_magnitudes_is_refused(tmp_path: Path) -> None:
    save_adapter(build_adapted_model(settings=SETTINGS["dora"]), tmp_path, base="tiny")
    missing = DOWN.replace("lora_A.weight", "lora_magnitude_vector")
    rewrite(tmp_path, lambda tensors: tensors.pop(missing))
    with pytest.raises(StoreDamaged, match=f"{missing} is missing"):
        read(tmp_path, build_model())


def test_dora_that_cancels_a_row_of_the_weight_is_refused(tmp_path: Path) -> None:
    """Its magnitude would be divided by zero."""
    save_adapter(build_adapted_model(settings=SETTINGS["dora"]), tmp_path, base="tiny")
    model = build_model()
    model.model.layers[0].mlp.down_proj.weight.data[5] = 0
    rewrite(tmp_path, lambda tensors: tensors[UP][5].zero_())
    with pytest.raises(StoreDamaged, match=r"layers\.0\.mlp\.down_proj: it turns rows of the weight to zero"):
        read(tmp_path, model)


@pytest.mark.parametrize("kept_bytes", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(saved: Path, kept_bytes: int) -> None:
    file = saved / WEIGHTS
    file.write_bytes(file.read_bytes()[:kept_bytes])
    with pytest.raises(StoreDamaged, match=rf"{file} cannot be read"):
        read(saved, build_model(), weights_hash="any")


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_a_missing_file_is_named(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(StoreDamaged, match=str(saved / name)):
        read(saved, build_model(), weights_hash="any")
