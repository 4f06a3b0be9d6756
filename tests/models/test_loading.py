"""What goes wrong while a model is loaded or computes, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from luthier.errors import OutOfMemory
from luthier.models.loading import load_base, translate_memory_errors

if TYPE_CHECKING:
    from luthier.models.catalog import Base


def test_an_allocation_that_fails_is_out_of_memory() -> None:
    """torch itself refuses: no machine has an exbibyte."""
    with (
        pytest.raises(OutOfMemory, match="out of memory while training") as caught,
        translate_memory_errors("training"),
    ):
        torch.empty(2**60, dtype=torch.uint8)
    assert "micro_batch_tokens" in caught.value.hint


def test_other_errors_of_torch_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="must match"), translate_memory_errors("training"):
        torch.ones(2) + torch.ones(3)


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_a_base_is_loaded_frozen_and_in_the_precision_that_was_asked_for(
    tiny_base: Base, precision: str, dtype: torch.dtype
) -> None:
    loaded = load_base(tiny_base, precision=precision)
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {dtype}
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert not loaded.model.training
    assert loaded.context_length == 1024
