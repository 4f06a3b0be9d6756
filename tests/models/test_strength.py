"""An adapter at a fraction of its strength: exact, an ordinary model, and refused where it would be neither."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file

from luthier.engine.protocol import Reading
from luthier.engine.torch_engine import TorchEngine
from luthier.errors import InvalidConfig, NameTaken, StoreDamaged, UsageError
from luthier.models.card import read_card, write_card
from luthier.models.deletion import delete_model
from luthier.models.lora import ADAPTER_FILE, load_adapter
from luthier.models.registry import TunedModel, find_model, keep_model, resolve_model
from luthier.models.settings import LoraSettings
from luthier.models.strength import keep_weaker, weaken, write_weaker
from luthier.models.tensors import digest_tensors
from luthier.store.catalog import get_model, keep_artefact, start_run
from luthier.store.inventory import describe_kept
from tests.support.adapters import AdapterMaker
from tests.support.tiny import SMALL_ADAPTER, build_model, build_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from peft import PeftModel

    from luthier.models.catalog import Base
    from luthier.store.home import Home

TEXT = "Zoe ordered two lamps and a chair."
SETTINGS = {
    "lora": SMALL_ADAPTER,
    "rslora": LoraSettings(r=4, lora_alpha=8, use_rslora=True),
}


def draft(source: TunedModel, strength: float, folder: Path) -> TunedModel:
    weaker = weaken(source, strength, name="weaker")
    write_weaker(weaker, folder)
    write_card(weaker.card, folder)
    return TunedModel("weaker", folder, weaker.card)


def measure_surprisals(model: PeftModel) -> torch.Tensor:
    ids = torch.tensor([build_tokenizer()(TEXT)["input_ids"]])
    with torch.no_grad():
        log_probs: torch.Tensor = model(ids).logits.log_softmax(-1)
    return -log_probs[0, :-1].gather(1, ids[0, 1:, None])[:, 0]


def survey(models: dict[str, TunedModel], home: Home, name: str) -> torch.Tensor:
    with TorchEngine(
        lambda asked: models[asked] if asked in models else resolve_model(home, asked), precision="float32"
    ) as engine:
        return torch.tensor(engine.survey([name], [Reading(TEXT)])[0].surprisals[0])


def make(home: Home, base: Base, *, settings: LoraSettings = SMALL_ADAPTER) -> TunedModel:
    """Registered as training does it, with a run as its parent."""
    made = AdapterMaker(home, base, settings=settings).keep("made")
    card = made.card.model_copy(update={"name": "orders", "run": "run-1", "trained_on": frozenset({"a" * 64})})
    start_run(home.database, id="run-1", name="orders", base=base.name, config={}, dataset_fingerprint="")
    run = keep_artefact(home.database, kind="run", name="run-1", manifest={})
    files = {name: (made.folder / name).read_bytes() for name in (ADAPTER_FILE, "adapter_config.json")}

    def write(folder: Path) -> None:
        for name, content in {**files, "imprint.json": b"{}"}.items():
            (folder / name).write_bytes(content)

    return keep_model(home, card, write, parent=run)


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("strength", [0.9, 0.35])
def test_it_computes_what_peft_does_with_that_scale(
    kind: str, strength: float, home: Home, tiny_base: Base, tmp_path: Path
) -> None:
    source = make(home, tiny_base, settings=SETTINGS[kind])
    weaker = draft(source, strength, tmp_path / "weaker")
    scaled = load_adapter(build_model(), source.folder, slot="full")
    full = measure_surprisals(scaled)
    for layer in scaled.modules():
        if isinstance(layer, LoraLayer):
            layer.scale_layer(strength)
    wanted = measure_surprisals(scaled)
    assert (wanted - full).abs().max() > 0.01
    torch.testing.assert_close(measure_surprisals(load_adapter(build_model(), weaker.folder, slot="weak")), wanted)
    served = survey({"weaker": weaker}, home, "weaker")
    torch.testing.assert_close(served.float(), wanted, atol=1e-4, rtol=1e-4)


def test_towards_nothing_it_becomes_the_base(home: Home, tiny_base: Base, tmp_path: Path) -> None:
    source = make(home, tiny_base)
    base = survey({}, home, tiny_base.name)
    distances = []
    for strength in (0.5, 0.05, 1e-6):
        weaker = draft(source, strength, tmp_path / f"{strength}")
        distances.append(float((survey({"weaker": weaker}, home, "weaker") - base).abs().max()))
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0.01
    assert distances[-1] < 1e-4


@pytest.mark.parametrize("strength", [0.0, 1.0, -0.5, 1.5, math.nan, math.inf])
def test_what_is_no_fraction_is_refused(strength: float, home: Home, tiny_base: Base) -> None:
    with pytest.raises(InvalidConfig, match="is not between 0 and 1"):
        weaken(make(home, tiny_base), strength, name="weaker")


def test_half_an_adapter_in_bfloat16_is_kept_in_float32(home: Home, tiny_base: Base) -> None:
    source = make(home, tiny_base)
    halves = {name: tensor.bfloat16() for name, tensor in load_file(source.folder / ADAPTER_FILE).items()}
    save_file(halves, source.folder / ADAPTER_FILE)
    card = source.card.model_copy(update={"weights_hash": digest_tensors(halves)})
    weaker = weaken(TunedModel("orders", source.folder, card), 0.7, name="weaker").tensors
    name = next(name for name in weaker if "lora_B" in name)
    assert torch.equal(weaker[name], halves[name].float() * 0.7)


def test_dora_is_refused_for_it_is_not_linear(home: Home, tiny_base: Base) -> None:
    source = make(home, tiny_base, settings=LoraSettings(r=4, lora_alpha=8, use_dora=True))
    with pytest.raises(UsageError, match="orders cannot be turned down: DoRA sets the size of whole weights"):
        weaken(source, 0.7, name="weaker")


@pytest.mark.parametrize("name", ["base_model.model.lm_head.weight", "base_model.model.embed.lora_embedding_B"])
def test_weights_that_are_no_low_rank_matrices_are_refused(name: str, home: Home, tiny_base: Base) -> None:
    source = make(home, tiny_base)
    tensors = {**load_file(source.folder / ADAPTER_FILE), name: torch.ones(2, 2)}
    save_file(tensors, source.folder / ADAPTER_FILE)
    card = source.card.model_copy(update={"weights_hash": digest_tensors(tensors)})
    with pytest.raises(UsageError, match=f"it trained {name} too"):
        weaken(TunedModel("orders", source.folder, card), 0.7, name="weaker")


def test_a_model_tuned_as_a_whole_has_no_adapter_to_turn_down(home: Home, tiny_base: Base) -> None:
    source = make(home, tiny_base)
    card = source.card.model_copy(update={"config": {"tuning": "full"}})
    with pytest.raises(UsageError, match="it has no adapter to turn down"):
        weaken(TunedModel("orders", source.folder, card), 0.7, name="weaker")


def test_weights_that_are_not_those_of_the_card_are_refused(home: Home, tiny_base: Base) -> None:
    source = make(home, tiny_base)
    tensors = load_file(source.folder / ADAPTER_FILE)
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, source.folder / ADAPTER_FILE)
    with pytest.raises(StoreDamaged, match="does not hold the weights that the card of orders tells of"):
        weaken(source, 0.7, name="weaker")


def test_what_is_kept_is_an_ordinary_model_that_says_where_it_is_from(home: Home, tiny_base: Base) -> None:
    source = make(home, tiny_base)
    kept = keep_weaker(home, weaken(source, 0.7, name="soft"))
    assert find_model(home, "soft") == kept
    assert kept.card.turned_down is not None
    assert kept.card.turned_down.model_dump() == {
        "source": "orders",
        "source_weights_hash": source.card.weights_hash,
        "strength": 0.7,
    }
    assert kept.card.trained_on == source.card.trained_on
    assert (kept.folder / "imprint.json").read_text() == "{}"
    assert "It is orders at strength 0.7" in (kept.folder / "README.md").read_text()
    assert [step["name"] for step in describe_kept(home.database, "soft")["lineage"]] == ["orders", "run-1"]
    with TorchEngine(lambda name: resolve_model(home, name), precision="float32") as engine:
        hashes = {engine.identify(name).weights_hash for name in ("soft", "orders", tiny_base.name)}
    assert len(hashes) == 3


def test_keeping_it_again_changes_nothing_and_another_strength_needs_another_name(home: Home, tiny_base: Base) -> None:
    source = make(home, tiny_base)
    kept = keep_weaker(home, weaken(source, 0.7, name="soft"))
    assert keep_weaker(home, weaken(source, 0.7, name="soft")).card == kept.card
    for name in ("soft", "orders"):
        with pytest.raises(NameTaken, match=f"a model named '{name}' exists already"):
            keep_weaker(home, weaken(source, 0.6, name=name))
    assert find_model(home, "soft").card == kept.card
    assert find_model(home, "orders").card == source.card


def test_it_belongs_to_no_run_and_outlives_its_model(home: Home, tiny_base: Base) -> None:
    source = make(home, tiny_base)
    keep_weaker(home, weaken(source, 0.7, name="soft"))
    assert get_model(home.database, "soft").run_id is None
    delete_model(home, "orders")
    assert survey({}, home, "soft").isfinite().all()


def test_it_can_be_turned_down_again(home: Home, tiny_base: Base) -> None:
    source = make(home, tiny_base)
    half = keep_weaker(home, weaken(source, 0.5, name="half"))
    quarter = weaken(half, 0.5, name="quarter").tensors
    wanted = weaken(source, 0.25, name="quarter").tensors
    assert all(torch.equal(quarter[name], wanted[name]) for name in wanted)


def test_a_card_of_an_older_version_is_of_full_strength(home: Home, tiny_base: Base) -> None:
    source = make(home, tiny_base)
    path = source.folder / "card.json"
    values = json.loads(path.read_text())
    del values["turned_down"]
    path.write_text(json.dumps(values))
    assert read_card(source.folder).turned_down is None
