"""What all request bodies share: they are closed, take JSON's types as they are, and say what cannot be done."""

from __future__ import annotations

from typing import Annotated, Any, LiteralString

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

OWN_KINDS = frozenset({"unsupported_parameter", "unsupported_value", "invalid_value"})
"""Kinds of validation errors that are raised here, whose messages reach the client as they are."""

DEEPEST = 100
"""Levels of nesting in free JSON: more than any schema has, and far from what a parser's stack can hold."""


MOST_ITEMS = 10_000
"""Of one list or object. Each that is wrong costs as much as a whole request that is right, and is done before any
other client is heard."""


class Body(BaseModel):
    """A parameter that is not declared is refused; "1" is no number, and neither is NaN.

    JSON has neither tuples, sets nor enumerations: declare list and Literal.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _check_texts(cls, given: Any) -> Any:
        """Half a character is text for JSON and for nothing else. Objects inside check themselves."""
        if isinstance(given, dict):
            if len(given) > MOST_ITEMS:
                raise invalid_value(f"An object may have {MOST_ITEMS} parameters.")
            for name, value in given.items():
                if isinstance(value, list | dict) and len(value) > MOST_ITEMS:
                    raise invalid_value(f"Invalid '{name}': it may have {MOST_ITEMS} items.", param=name)
                if not all(map(_is_unicode, (name, *_list_texts(value)))):
                    shown = str(name).encode("utf-8", "backslashreplace").decode()
                    raise invalid_value("Text must be Unicode without lone surrogates.", param=shown)
        return given


def unsupported_parameter(name: str, reason: str) -> PydanticCustomError:
    """To be raised by a validator of the field or of its whole object, for what OpenAI can do and Luthier cannot."""
    return _refuse("unsupported_parameter", f"Unsupported parameter: '{name}': {reason}", name)


def unsupported_value(name: str, reason: str) -> PydanticCustomError:
    return _refuse("unsupported_value", f"Unsupported value: '{name}': {reason}", name)


def invalid_value(message: str, *, param: str | None = None) -> PydanticCustomError:
    """With a message of one's own. `param` is for validators of a whole object, and names one of its fields."""
    return _refuse("invalid_value", message, param)


def check_value(value: Any) -> Any:
    """Refuses what no database can keep, wherever in a JSON value: half a character, a NUL, or endless nesting."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEEPEST:
            raise invalid_value(f"JSON may be nested {DEEPEST} levels deep.")
        if isinstance(item, str) and ("\0" in item or not _is_unicode(item)):
            raise invalid_value("Text must be Unicode without NUL characters and lone surrogates.")
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(check_value)]
"""Any JSON object, such as a schema."""

Text = Annotated[str, AfterValidator(check_value)]
"""A text that is kept."""


def _list_texts(value: Any) -> list[str]:
    """A value that is a text, and texts that stand in it as in a list."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    return [value] if isinstance(value, str) else []


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(kind: LiteralString, message: str, param: str | None) -> PydanticCustomError:
    return PydanticCustomError(kind, "{message}", {"message": message, "param": param})
