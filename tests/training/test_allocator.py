"""Freed memory goes back to the system."""

from __future__ import annotations

import platform

import psutil
import pytest
import torch

from luthier.training.allocator import give_back_memory

MIB = 2**20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has a call for it")
def test_what_lies_free_between_blocks_in_use_is_given_back() -> None:
    """Blocks too small for a mapping of their own, every second of which stays."""
    blocks = [torch.ones(16_384) for _ in range(4096)]  # 64 KiB each, 256 MiB together
    del blocks[::2]
    process = psutil.Process()
    before = process.memory_info().rss
    assert give_back_memory()
    assert before - process.memory_info().rss > 64 * MIB
    assert all(float(block[0]) == 1 for block in blocks)
