"""The most memory that a block uses is seen, even when it has been freed again before the block ends."""

from __future__ import annotations

import time

import numpy as np
import psutil
import pytest
import torch

from luthier.training.planning.memory import find_free_memory, watch_memory

BYTES = 100 * 2**20


@pytest.mark.skipif(torch.cuda.is_available(), reason="watches the memory of the GPU instead")
def test_a_peak_is_seen_and_ends_with_the_block() -> None:
    before = psutil.Process().memory_info().rss
    with watch_memory() as peak:
        block = np.ones(BYTES, dtype=np.uint8)
        # The watcher looks every hundredth of a second, on a busy machine later: the block stays until it was seen.
        deadline = time.monotonic() + 300
        while peak.bytes < before + 0.5 * BYTES and time.monotonic() < deadline:
            time.sleep(0.01)
        del block
    assert before + 0.5 * BYTES < peak.bytes
    seen = peak.bytes
    later = np.ones(2 * BYTES, dtype=np.uint8)
    assert later.all()
    assert peak.bytes == seen


def test_some_memory_is_free() -> None:
    assert find_free_memory() > 0
