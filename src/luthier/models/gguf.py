"""A quantised GGUF file becomes a folder that transformers loads: bfloat16 safetensors, tokenizer, chat template."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from typing import TYPE_CHECKING

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from luthier.models.loading import quiet_transformers

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Fills the folder, which the caller keeps only when this returns."""
    quiet_transformers()
    # Its progress bars cannot be switched off, and errors are raised, not printed.
    with redirect_stderr(io.StringIO()):
        tokenizer, model = _read(gguf)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _read(gguf: Path) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    # The weights are dequantised by now; without this, saving would describe them as quantised still.
    del model.config.quantization_config
    del model.hf_quantizer
    return tokenizer, model
