"""Every format, once, in the order in which a row is held against them; the first that matches is the row's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.data.formats.openai_chat import OpenAiChat
from luthier.data.formats.openai_preference import OpenAiPreference
from luthier.data.formats.openai_reinforcement import OpenAiReinforcement
from luthier.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from luthier.data.formats.format import Format

FORMATS: tuple[Format, ...] = (OpenAiReinforcement(), OpenAiChat(), OpenAiPreference())


def detect_format(fields: dict[str, Any]) -> Format | None:
    """None for a row that is of no known format."""
    return next((format_ for format_ in FORMATS if format_.matches(fields)), None)


def find_format(name: str) -> Format:
    """By its name. Raises UsageError with the nearest ones."""
    formats = {format_.name: format_ for format_ in FORMATS}
    if name not in formats:
        raise UsageError(f"there is no format {name!r}", hint=did_you_mean(name, formats))
    return formats[name]
