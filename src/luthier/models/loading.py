"""A base model's folder becomes a transformers model and its chat template, in this machine's best precision."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from luthier.errors import OutOfMemory, UnknownBase
from luthier.models.digest import digest_weights
from luthier.models.fetch import silent
from luthier.models.precision import choose_device, choose_dtype
from luthier.models.quantized import SLOW_ON_CPU, describe_quantisation, settle_on_cpu
from luthier.tokens.chat_template import ChatTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from transformers import PreTrainedModel

    from luthier.models.catalog import Base
    from luthier.models.fetch import Announce
    from luthier.models.settings import Precision


@dataclass(frozen=True)
class LoadedBase:
    """One copy of a base's weights, in evaluation mode and frozen."""

    name: str
    folder: Path
    model: PreTrainedModel
    template: ChatTemplate
    weights_hash: str

    @property
    def context_length(self) -> int:
        """Longest sequence in tokens that the model was made for."""
        return int(self.model.config.get_text_config().max_position_embeddings)


def load_base(
    base: Base,
    *,
    precision: Precision = "auto",
    is_quantised: bool = False,
    stays_on_cpu: bool = False,
    announce: Announce = silent,
) -> LoadedBase:
    """Loads safetensors only, and never code from the model's folder; quantised, with four-bit linear layers.

    One that `stays_on_cpu` has the precision of the device that somebody else will move it to, part by part.

    Raises UnknownBase, OutOfMemory, or MachineError where a quantised base needs a library that is not there.
    """
    quiet_transformers()
    device = choose_device()
    dtype = choose_dtype(precision, device)
    if is_quantised and device.type == "cpu":
        announce(SLOW_ON_CPU)
    with translate_memory_errors(f"loading {base.name}"):
        try:
            model = AutoModelForCausalLM.from_pretrained(
                base.folder,
                dtype=dtype,
                quantization_config=describe_quantisation(dtype) if is_quantised else None,
                device_map={"": device} if is_quantised else None,
                use_safetensors=True,
                trust_remote_code=False,
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise UnknownBase(
                f"{base.name} cannot be loaded: {error}",
                hint="the folder must hold a complete transformers model",
            ) from error
        model.requires_grad_(False)
        if is_quantised and device.type == "cpu":
            settle_on_cpu(model)
        elif not is_quantised and not stays_on_cpu:
            torch.nn.Module.to(model, device)
    model.eval()
    return LoadedBase(base.name, base.folder, model, load_template(base), digest_weights(base.folder))


def load_template(base: Base) -> ChatTemplate:
    """Tokenizer and stop tokens alone: enough to plan a run, and thousands of times smaller than the weights."""
    quiet_transformers()
    try:
        tokenizer = AutoTokenizer.from_pretrained(base.folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise UnknownBase(
            f"the tokenizer of {base.name} cannot be loaded: {error}",
            hint="the folder must hold tokenizer.json",
        ) from error
    return ChatTemplate(tokenizer, _find_stop_ids(base.folder, tokenizer.eos_token_id))


def quiet_transformers() -> None:
    """Progress bars and advice of the libraries would drown our own."""
    # PEFT 0.21 reads an attribute that transformers 5 renames: nothing that a user could act on.
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`", category=FutureWarning)
    # What is missing of an adapter is an error of ours.
    warnings.filterwarnings("ignore", message="Found missing adapter keys", category=UserWarning)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


@contextmanager
def translate_memory_errors(doing: str) -> Iterator[None]:
    """torch reports a failed CPU allocation as a plain RuntimeError; its text is all that tells it apart."""
    hint = "free some memory, or lower micro_batch_tokens, or take a smaller base model"
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise OutOfMemory(f"out of memory while {doing}", hint=hint) from error
    except RuntimeError as error:
        if "alloc" in str(error) and "memory" in str(error):
            raise OutOfMemory(f"out of memory while {doing}", hint=hint) from error
        raise


def _find_stop_ids(folder: Path, tokenizer_stop: int | None) -> frozenset[int]:
    stops = {tokenizer_stop} if tokenizer_stop is not None else set()
    if (folder / "generation_config.json").is_file():
        declared = GenerationConfig.from_pretrained(folder).eos_token_id
        stops.update([declared] if isinstance(declared, int) else declared or [])
    return frozenset(stops)
