"""Names of trackers become trackers, or a refusal that says what to install."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from luthier.errors import InvalidConfig, MachineError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luthier.training.trackers.tracker import Tracker

TRACKERS: dict[str, str] = {
    "tensorboard": "TensorBoardTracker",
    "wandb": "WandbTracker",
    "mlflow": "MlflowTracker",
}
"""Each name is that of a library, of the module here that knows it, and of the extra that installs it."""


def require_trackers(names: Iterable[str]) -> None:
    """Raises InvalidConfig for a name that is not known, MachineError for a library that is not installed."""
    for name in names:
        if name not in TRACKERS:
            raise InvalidConfig(f"no tracker is called {name!r}", hint=did_you_mean(name, TRACKERS))
        if not _is_installed(name):
            raise MachineError(f"tracking with {name} needs its library", hint=f"pip install 'luthier[{name}]'")


def build_trackers(names: Iterable[str]) -> dict[str, Tracker]:
    """By name, each once; `require_trackers` has seen to it that they can be."""
    return {
        name: getattr(import_module(f"luthier.training.trackers.{name}"), TRACKERS[name])()
        for name in dict.fromkeys(names)
    }


def _is_installed(name: str) -> bool:
    """A folder of that name in the working directory, such as W&B makes, would pass for a package without code."""
    found = find_spec(name)
    return found is not None and found.origin is not None
