"""Forms that pydantic has no words for: a value of two kinds, one that is kept as it came, one that cannot be."""

from __future__ import annotations

from typing import Any

from pydantic import Discriminator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from luthier.server.openai.schema.body import unsupported_parameter

REFUSALS = {
    "audio": "no model here speaks",
    "web_search_options": "no model here searches the web",
    "moderation": "answers are not moderated here",
}


class AsGiven:
    """`Annotated[dict[str, Any], AsGiven(Tool)]` is checked as a Tool, and stays the dictionary that it came as.

    What a template writes depends on the order of keys and on which of them are there.
    """

    def __init__(self, form: Any) -> None:
        self._form = form

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def check(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
            validate(value)
            return value

        return core_schema.no_info_wrap_validator_function(check, handler.generate_schema(self._form))


LIST, TEXT = "list", "text"

text_or_list = Discriminator(lambda value: LIST if isinstance(value, list) else TEXT)
"""For a union of a text and a list: what is wrong with a list is not told as of a text."""


def refuse_parameter(value: Any, info: ValidationInfo) -> None:
    """For what OpenAI's models can do and no model here; null is as good as nothing."""
    if value is not None:
        name = info.field_name or ""
        raise unsupported_parameter(name, REFUSALS[name])
