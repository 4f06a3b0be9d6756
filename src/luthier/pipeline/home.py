"""The home folder that this process works in."""

from __future__ import annotations

from luthier.settings import load_settings
from luthier.store.home import Home


def open_home() -> Home:
    """The home folder that the environment and luthier.toml name."""
    return Home(load_settings())
