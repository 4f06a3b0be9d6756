"""The name of a shape becomes a Llama model with random weights on the disk, for machines with a GPU.

python -m train.shapes NAME FOLDER      (in a process of its own, so that no memory of the GPU stays taken)
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.tokens.encode import EncodedExample
from train.rows import Workload

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ROW_TOKENS = 2048
ROWS = 64


class Shape(NamedTuple):
    """`batch_size` rows of ROW_TOKENS tokens make a step."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_value_heads: int
    vocabulary: int
    batch_size: int
    row_tokens: int = ROW_TOKENS


SHAPES = {
    "8b": Shape(4096, 14336, 32, 32, 8, 128256, batch_size=4),
    "0.5b": Shape(896, 4864, 24, 14, 2, 151936, batch_size=8),
    "tiny": Shape(64, 128, 2, 4, 2, 512, batch_size=4, row_tokens=64),
}
"""Llama 3.1 8B, Qwen2.5 0.5B; tiny runs anywhere and shows only that everything works."""


def build_packed(name: str) -> Workload:
    """Full rows of random tokens, all of them targets."""
    shape, dice = SHAPES[name], random.Random(0)
    rows = (tuple(dice.randrange(3, shape.vocabulary) for _ in range(shape.row_tokens)) for _ in range(ROWS))
    is_target = (False, *(True,) * (shape.row_tokens - 1))
    return Workload("packed", "sft", tuple(EncodedExample(row, is_target) for row in rows))


def save_shape(name: str, folder: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    shape = SHAPES[name]
    config = LlamaConfig(
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        vocab_size=shape.vocabulary,
        max_position_embeddings=2 * ROW_TOKENS,
        eos_token_id=1,
        pad_token_id=2,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config)
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Three words: both sides ask for a tokenizer, and neither has a text to encode."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {"<unk>": 0, "<end>": 1, "<pad>": 2}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<end>", pad_token="<pad>")
    fast.chat_template = "{% for message in messages %}{{ message['content'] }}<end>{% endfor %}"
    return fast


if __name__ == "__main__":
    save_shape(sys.argv[1], Path(sys.argv[2]))
