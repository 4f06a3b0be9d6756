"""The example data that comes with Luthier: orders in words, to be turned into JSON."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def example_path() -> Path:
    """`orders.jsonl`, 300 rows in OpenAI's chat format."""
    return Path(str(files(__name__) / "orders.jsonl"))
