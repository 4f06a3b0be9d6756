"""Chunks of sequences become logits through transformers' own layers, attention and cache, each sequence by itself.

It serves every architecture that transformers can generate with, also those that the packed runner cannot, and is what
that one is compared with. So it leaves the model as it is, but for adding adapters to what linear layers give.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from peft.utils.integrations import dequantize_module_weight
from torch.nn.functional import linear
from transformers import DynamicCache
from transformers.pytorch_utils import Conv1D

from luthier.engine.runners.scoring import score_row
from luthier.engine.runners.sequence import Admission
from luthier.models.targets import LINEAR

if TYPE_CHECKING:
    from collections.abc import Sequence as Many

    from transformers import PreTrainedModel

    from luthier.engine.adapters.adapter import Adapter
    from luthier.engine.runners.passage import Stretch
    from luthier.engine.runners.sequence import Chunk, Sequence
    from luthier.tokens.encode import EncodedExample

HEADROOM_TOKENS = 16
"""Must be free for each sequence that is in when another comes: else it would have to go again a few steps later."""


@dataclass(eq=False, slots=True)
class _Holding:
    """What one sequence has of the memory; `tokens` are promised to it, whether they are computed or not."""

    tokens: int
    cache: DynamicCache = field(repr=False)


class SoloRunner:
    """Memory is counted in tokens: all sequences together hold at most `capacity`."""

    def __init__(self, model: PreTrainedModel, *, capacity: int) -> None:
        self._model = model
        self._capacity = capacity
        self._adapter: Adapter | None = None
        """Of the sequence that is being computed."""
        self._holdings: dict[Sequence, _Holding] = {}
        names = inspect.signature(model.forward).parameters
        self._cache_name = "past_key_values" if "past_key_values" in names else "cache_params"
        for path, module in model.named_modules():
            if isinstance(module, LINEAR):
                module.register_forward_hook(partial(self._adapt, path))

    @property
    def vocabulary_size(self) -> int:
        return int(self._model.config.get_text_config().vocab_size)

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def held_tokens(self) -> int:
        return sum(holding.tokens for holding in self._holdings.values())

    def admit(self, sequence: Sequence, waiting: Many[Sequence]) -> Admission:
        """All its tokens are promised to it at once: two that come in by halves could block each other."""
        tokens = len(sequence.ids)
        if self.held_tokens + tokens + HEADROOM_TOKENS * len(self._holdings) > self._capacity:
            return Admission.FULL
        sequence.computed = 0
        self._holdings[sequence] = _Holding(tokens, self._open_cache())
        return Admission.ADMITTED

    def reserve(self, chunk: Chunk) -> bool:
        holding = self._holdings[chunk.sequence]
        tokens = max(holding.tokens, chunk.sequence.computed + chunk.count)
        if self.held_tokens - holding.tokens + tokens > self._capacity:
            return False
        holding.tokens = tokens
        return True

    def step(self, chunks: Many[Chunk]) -> torch.Tensor:
        """A step that fails leaves its sequences as if nothing of them had been computed yet."""
        done = False
        try:
            logits = torch.stack([self._compute(chunk) for chunk in chunks])
            done = True
        finally:
            if not done:
                self._forget(chunks)
        for chunk in chunks:
            chunk.sequence.computed += chunk.count
        return logits

    def release(self, sequence: Sequence) -> None:
        del self._holdings[sequence]
        sequence.computed = 0

    def score(self, row: EncodedExample, adapter: Adapter | None) -> float:
        """The log-probability of the row's targets, in nats."""
        self._adapter = adapter
        return score_row(self._model, row)

    def read(self, stretches: Many[Stretch], adapter: Adapter | None) -> torch.Tensor:
        """(n, V), float32"""
        self._adapter = adapter
        with torch.inference_mode():
            logits = [self._read(stretch) for stretch in stretches]
        for stretch in stretches:
            stretch.finish()
        return torch.cat(logits)

    def forget(self, adapter: Adapter) -> None:
        """Lets go of an adapter that is to leave the memory."""
        if self._adapter is adapter:
            self._adapter = None

    def get_weight(self, path: str) -> torch.Tensor:
        """(out, in): the dense weight of the linear layer at `path`."""
        layer = self._model.get_submodule(path)
        weight: torch.Tensor = dequantize_module_weight(layer).data
        return weight.t() if isinstance(layer, Conv1D) else weight

    def _compute(self, chunk: Chunk) -> torch.Tensor:
        """(V,) logits of what follows the chunk's last token."""
        sequence, start = chunk.sequence, chunk.sequence.computed
        ids = torch.tensor([sequence.ids[start : start + chunk.count]], device=self._model.device)  # (1, T)
        cache = {self._cache_name: self._holdings[sequence].cache}
        model = cast("Any", self._model)  # what a causal model is called with is not part of its type
        self._adapter = sequence.adapter
        with torch.inference_mode():
            logits = model(input_ids=ids, use_cache=True, logits_to_keep=1, **cache).logits
        return cast("torch.Tensor", logits[0, -1].float())

    def _read(self, stretch: Stretch) -> torch.Tensor:
        """(n, V) at the heads of one stretch."""
        passage = stretch.passage
        if passage.memory is None:
            passage.memory = self._open_cache()
        ids = torch.tensor([[passage.ids[place] for place in stretch.places]], device=self._model.device)  # (1, T)
        model = cast("Any", self._model)
        wanted = len(stretch.heads)
        cache = {self._cache_name: passage.memory}
        logits = model(input_ids=ids, use_cache=True, logits_to_keep=max(1, wanted), **cache).logits[0].float()
        return cast("torch.Tensor", logits[len(logits) - wanted :])

    def _adapt(self, path: str, layer: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        """What the layer at `path` gives with the active adapter: see LowRank."""
        part = None if self._adapter is None else self._adapter.parts.get(path)
        if part is None:
            return output
        added = linear(linear(inputs[0].to(part.down.dtype), part.down), part.up)
        if part.output_scale is None:
            return output + added
        bias = 0 if layer.bias is None else layer.bias
        return (output - bias + added) * part.output_scale + bias

    def _forget(self, chunks: Many[Chunk]) -> None:
        """Some layers of a cache may hold the failed chunk already and others not."""
        for chunk in chunks:
            self._holdings[chunk.sequence].cache = self._open_cache()
            chunk.sequence.computed = 0

    def _open_cache(self) -> DynamicCache:
        return DynamicCache(config=self._model.config)
