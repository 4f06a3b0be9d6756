"""Deletion reaches engines that serve the model; apart, so that what others start anew need not load torch."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Message
from luthier.engine.protocol import Request, Sampling
from luthier.engine.torch_engine import TorchEngine
from luthier.errors import UnknownModel
from luthier.models.deletion import delete_model
from luthier.models.registry import resolve_model
from tests.support.adapters import AdapterMaker

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.store.home import Home


def test_an_engine_that_serves_it_stops(home: Home, tiny_base: Base) -> None:
    AdapterMaker(home, tiny_base).keep("model")
    request = Request("model", (Message("user", "hi"),), Sampling(max_tokens=2))
    with closing(TorchEngine(lambda name: resolve_model(home, name))) as engine:
        assert engine.submit(request).wait().completion_tokens > 0
        delete_model(home, "model")
        with pytest.raises(UnknownModel):
            engine.submit(request).wait()
