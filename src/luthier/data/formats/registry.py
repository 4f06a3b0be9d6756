"""Every format, once, in the order in which a row is held against them; the first that matches is the row's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.data.formats.alpaca import Alpaca
from luthier.data.formats.openai_chat import OpenAiChat
from luthier.data.formats.openai_preference import OpenAiPreference
from luthier.data.formats.openai_reinforcement import OpenAiReinforcement
from luthier.data.formats.prompt_completion import PromptCompletion
from luthier.data.formats.question_answer import QuestionAnswer
from luthier.data.formats.sharegpt import ShareGpt
from luthier.data.formats.trl_preference import TrlPreference
from luthier.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from luthier.data.formats.format import Format

FORMATS: tuple[Format, ...] = (
    TrlPreference(),
    OpenAiReinforcement(),
    OpenAiChat(),
    OpenAiPreference(),
    PromptCompletion(),
    ShareGpt(),
    Alpaca(),
    QuestionAnswer(),
)


def detect_format(fields: dict[str, Any]) -> Format | None:
    """None for a row that is of no known format."""
    return next((format_ for format_ in FORMATS if format_.matches(fields)), None)


def find_format(name: str) -> Format:
    """By its name. Raises UsageError with the nearest ones."""
    formats = {format_.name: format_ for format_ in FORMATS}
    if name not in formats:
        raise UsageError(f"there is no format {name!r}", hint=did_you_mean(name, formats))
    return formats[name]
