"""Named tensors become one SHA-256 of their bytes, by which trained weights are known wherever they lie."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping


def digest_tensors(tensors: Mapping[str, torch.Tensor]) -> str:
    """Over names and bytes, in order of the names; the device and the order in memory do not matter."""
    digest = sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
