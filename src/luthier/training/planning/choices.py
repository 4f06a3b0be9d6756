"""Where each setting of a run came from: settings.json in the run's folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from luthier.errors import StoreDamaged
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CHOICES_FILE = "settings.json"

Source = Literal["recipe", "given", "auto", "probe"]


class Choice(NamedTuple):
    """A setting, its value and where that came from; `reason` is a sentence for `auto` and `probe`."""

    name: str
    value: Any
    source: Source
    reason: str = ""

    @property
    def origin(self) -> str:
        """`auto: each row has one answer`"""
        return f"{self.source}: {self.reason}" if self.reason else self.source


def write_choices(choices: Iterable[Choice], folder: Path) -> None:
    write_atomic(folder / CHOICES_FILE, json.dumps([choice._asdict() for choice in choices], indent=2) + "\n")


def read_choices(folder: Path) -> tuple[Choice, ...]:
    """None at all for a run that failed before it began. Raises StoreDamaged."""
    path = folder / CHOICES_FILE
    try:
        return tuple(Choice(**kept) for kept in json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError) as error:
        raise StoreDamaged(f"{path} is damaged: {error}", hint="run the same command again") from error


def list_lines(choices: Iterable[Choice]) -> list[str]:
    """One line for each setting, in columns, for people."""
    pairs = [(f"{choice.name} = {_show(choice.value)}", choice.origin) for choice in choices]
    width = max((len(text) for text, _ in pairs), default=0)
    return [f"  {text:{width}}  {origin}" for text, origin in pairs]


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
