"""Luthier fine-tunes language models on your own hardware and says with statistics whether it worked."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from luthier.threads import tame_native_libraries

if TYPE_CHECKING:
    from luthier.pipeline import chat, check, compare, evaluate, split, stream, tune

__version__ = "0.1.0"

__all__ = ["__version__", "chat", "check", "compare", "evaluate", "split", "stream", "tune"]


tame_native_libraries()


def __getattr__(name: str) -> Any:
    """Hands on the pipeline's functions when they are first used: importing Luthier stays cheap."""
    if name in __all__:
        return getattr(import_module("luthier.pipeline"), name)
    raise AttributeError(f"module 'luthier' has no attribute {name!r}")
