"""Random two-layer models of Llama, Qwen and Gemma shape with a byte tokenizer, where the weights do not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from luthier.models.lora import attach_adapter
from luthier.models.settings import LoraSettings
from luthier.tokens.chat_template import ChatTemplate
from luthier.training.kernels.attention import choose_attention

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from peft import PeftModel
    from transformers import PreTrainedModel

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['tool_calls'] %}{% for call in message['tool_calls'] %}"
    "<call>{{ call['function']['name'] }} {{ call['function']['arguments'] | tojson }}</call>"
    "{% endfor %}{% endif %}"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT_LENGTH = 1024
WINDOW = 8
"""Of sliding layers, in tokens: shorter than any chat."""

Kind = Literal["llama", "mistral", "qwen2", "qwen3", "gemma3"]
KINDS: tuple[Kind, ...] = ("llama", "mistral", "qwen2", "qwen3", "gemma3")

SMALL_ADAPTER = LoraSettings(r=4, lora_alpha=8)


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


def build_model(
    dtype: torch.dtype = torch.float32, *, kind: Kind = "llama", seed: int = 0, **changes: Any
) -> PreTrainedModel:
    """mistral looks back through a window in all layers, qwen2 adds biases to queries, keys and values and has it in
    one of two, qwen3 adds norms of queries and keys; gemma3 scales its embeddings, ties them to the head, and looks
    back through a window in one layer of two. `changes` are of its config."""
    torch.manual_seed(seed)
    model = BUILDERS[kind](_describe_shape() | changes)
    for parameter in model.parameters():
        if parameter.dim() == 1:  # biases start at zero and norms at one, where forgetting them would not show
            parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
    return model.to(dtype)


def build_adapted_model(
    dtype: torch.dtype = torch.float32, *, kind: Kind = "llama", settings: LoraSettings = SMALL_ADAPTER
) -> PeftModel:
    """Its B matrices are not zero: with PEFT's start every gradient of A would vanish and prove nothing."""
    model = build_model(dtype, kind=kind)
    model.requires_grad_(False)
    model.set_attn_implementation(choose_attention(model.config))
    adapted = attach_adapter(model, settings, seed=1)
    generator = torch.Generator().manual_seed(2)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.to(dtype)
            if "lora_B" in name:
                parameter.data.normal_(0, 0.1, generator=generator)
    return adapted


def save_base(folder: Path, *, kind: Kind = "llama", **changes: Any) -> Path:
    """A model folder like one from the hub."""
    build_model(kind=kind, **changes).save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    return folder


def _describe_shape() -> dict[str, Any]:
    tokenizer = build_tokenizer()
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT_LENGTH,
        "initializer_range": 0.2,  # large enough for a few steps of an adapter to show
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _build_gemma3(shape: dict[str, Any]) -> PreTrainedModel:
    layer_types = ["sliding_attention", "full_attention"]
    return Gemma3ForCausalLM(
        Gemma3TextConfig(**shape, head_dim=8, query_pre_attn_scalar=8, sliding_window=WINDOW, layer_types=layer_types)
    )


def _build_qwen2(shape: dict[str, Any]) -> PreTrainedModel:
    layer_types = ["full_attention", "sliding_attention"]
    return Qwen2ForCausalLM(
        Qwen2Config(**shape, use_sliding_window=True, sliding_window=WINDOW, layer_types=layer_types)
    )


BUILDERS: dict[Kind, Callable[[dict[str, Any]], PreTrainedModel]] = {
    "llama": lambda shape: LlamaForCausalLM(LlamaConfig(**shape)),
    "mistral": lambda shape: MistralForCausalLM(MistralConfig(**shape, sliding_window=WINDOW)),
    "qwen2": _build_qwen2,
    "qwen3": lambda shape: Qwen3ForCausalLM(Qwen3Config(**shape, head_dim=8, tie_word_embeddings=True)),
    "gemma3": _build_gemma3,
}
