"""A random two-layer Llama with a byte tokenizer: a whole model where the weights do not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from luthier.models.lora import attach_adapter
from luthier.models.settings import LoraSettings
from luthier.tokens.chat_template import ChatTemplate
from luthier.training.attention import choose_attention

if TYPE_CHECKING:
    from pathlib import Path

    from peft import PeftModel

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['tool_calls'] %}{% for call in message['tool_calls'] %}"
    "<call>{{ call['function']['name'] }} {{ call['function']['arguments'] | tojson }}</call>"
    "{% endfor %}{% endif %}"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT_LENGTH = 1024


def build_tokenizer(chat_template: str = CHATML) -> PreTrainedTokenizerFast:
    """One token per byte, and `<|im_start|>`, `<|im_end|>`, `<|pad|>`."""
    vocabulary = {symbol: i for i, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
    )
    fast.chat_template = chat_template
    return fast


def build_template(chat_template: str = CHATML) -> ChatTemplate:
    tokenizer = build_tokenizer(chat_template)
    return ChatTemplate(tokenizer, frozenset({tokenizer.eos_token_id}))


def build_model(dtype: torch.dtype = torch.float32, *, seed: int = 0) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_LENGTH,
        initializer_range=0.2,  # large enough for a few steps of an adapter to show
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config).to(dtype)


def build_adapted_model(dtype: torch.dtype = torch.float32) -> PeftModel:
    """Its B matrices are not zero: with PEFT's start every gradient of A would vanish and prove nothing."""
    model = build_model(dtype)
    model.requires_grad_(False)
    model.set_attn_implementation(choose_attention(model.config))
    adapted = attach_adapter(model, LoraSettings(r=4, lora_alpha=8), seed=1)
    generator = torch.Generator().manual_seed(2)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.to(dtype)
            if "lora_B" in name:
                parameter.data.normal_(0, 0.1, generator=generator)
    return adapted


def save_base(folder: Path) -> Path:
    """A model folder like one from the hub."""
    build_model().save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    return folder
