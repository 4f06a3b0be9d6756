"""A base becomes the models of the contest: one that never ends an answer by itself, its forms for other engines, and
adapters on it.

They are kept beside the peers, under the digest of the base's weights, since making them takes a minute.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import luthier
from generate.peers import fetch_llama_sources, run
from luthier.models.card import ModelCard, write_card
from luthier.models.catalog import Base
from luthier.models.digest import digest_weights
from luthier.models.loading import load_template
from luthier.models.tensors import digest_tensors

if TYPE_CHECKING:
    from luthier.tokens.chat_template import ChatTemplate

RANK, ALPHA = 16, 32
SPREAD = 0.01
"""Of an adapter's up-projections: enough to change every answer."""

CREATED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def copy_endless(base: Base, folder: Path) -> Path:
    """The same weights and template, but the token that ends an answer is one that the model never says.

    So every engine answers to the length that it is asked for, without a setting that one has and another lacks.
    """
    place = folder / digest_weights(base.folder)[:16] / "endless"
    if place.exists():
        return place
    token = find_unused_token(load_template(base))
    fresh = place.with_suffix(".part")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(base.folder, fresh)
    token_id = load_template(base).tokenizer.convert_tokens_to_ids(token)
    for name in ("config.json", "generation_config.json"):
        _change(fresh / name, eos_token_id=token_id)
    _change(fresh / "tokenizer_config.json", eos_token=token)
    fresh.rename(place)
    return place


def find_unused_token(template: ChatTemplate) -> str:
    """The last of the tokenizer's control tokens of which the template knows nothing; the first may end a text."""
    unused = [
        token.content
        for _, token in sorted(template.tokenizer.added_tokens_decoder.items())
        if token.special and token.content not in template.text
    ]
    if not unused:
        raise SystemExit("the base has no control token to spare, which the contest ends answers by")
    return unused[-1]


def export_openvino(model: Path, python: Path) -> Path:
    place = model.with_name("openvino")
    if not place.exists():
        command = [str(python.with_name("optimum-cli")), "export", "openvino", "--model", str(model)]
        options = ["--task", "text-generation-with-past", "--weight-format", "fp16"]
        fresh = place.with_suffix(".part")
        run([*command, *options, str(fresh)], environment={"HF_HUB_OFFLINE": "1"})
        fresh.rename(place)
    return place


def export_gguf(model: Path, python: Path, folder: Path) -> Path:
    """`python` has torch and transformers."""
    place = model.with_name("bfloat16.gguf")
    if not place.exists():
        program = fetch_llama_sources(python, folder) / "convert_hf_to_gguf.py"
        fresh = place.with_suffix(".part")
        run([str(python), str(program), str(model), "--outtype", "bf16", "--outfile", str(fresh)])
        fresh.rename(place)
    return place


def make_adapters(model: Path, count: int) -> list[Path]:
    """Tuned models with random adapters on every linear layer: their answers mean nothing and take as long."""
    places = [model.with_name(f"adapter-{number}") for number in range(count)]
    for seed, place in enumerate(places):
        if not (place / "card.json").exists():
            _make_adapter(model, place, seed=seed)
    return places


def _make_adapter(model: Path, place: Path, *, seed: int) -> None:
    torch.manual_seed(seed)
    config = LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=ALPHA, target_modules="all-linear")
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16), config)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=SPREAD)
    adapted.save_pretrained(str(place))
    base = Base("base", model)
    card = ModelCard(
        name=place.name,
        base=base.name,
        base_weights_hash=digest_weights(model),
        weights_hash=digest_tensors(load_file(place / "adapter_model.safetensors")),
        template_hash=load_template(base).hash,
        system_prompt="",
        data={"name": "none", "rows": 0, "fingerprint": ""},
        config={"r": RANK, "lora_alpha": ALPHA},
        metrics={},
        run=place.name,
        luthier_version=luthier.__version__,
        created_at=CREATED_AT,
    )
    write_card(card, place)


def _change(file: Path, **values: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **values}, indent=2), encoding="utf-8")
