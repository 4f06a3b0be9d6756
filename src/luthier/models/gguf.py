"""A quantised GGUF file becomes a folder that transformers loads: bfloat16 safetensors, tokenizer, chat template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from luthier.models.loading import quiet_transformers

if TYPE_CHECKING:
    from pathlib import Path


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Writes config.json last of all, so that its presence means that the folder is complete."""
    quiet_transformers()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    # The weights are dequantised by now; without this, saving would describe them as quantised still.
    del model.config.quantization_config
    del model.hf_quantizer
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
