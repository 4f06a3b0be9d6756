"""An item and what its run asks become the messages of a question."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import InvalidRequest
from luthier.evaluation.graders.openai.template import (
    PLACE,
    FilledTooLong,
    PlaceMissing,
    fill_template,
    find_value,
    parse_path,
)

if TYPE_CHECKING:
    from luthier.engine.protocol import Request

TEMPERATURE, TOP_P, SEED, MOST_TOKENS = 1.0, 1.0, 42, 2048
"""What is taken where a run says nothing, as OpenAI documents it."""


class Question(NamedTuple):
    """What a chat would be asked: the model's public name, messages as the API has them, and sampling parameters."""

    model: str
    messages: list[dict[str, Any]]
    parameters: dict[str, Any]


BuildRequest = Callable[[Question], "Request"]
"""Makes of it what the engine is asked. Raises UsageError for what no model could be asked."""


def build_question(data_source: dict[str, Any], model: str, item: dict[str, Any]) -> Question:
    """Raises InvalidRequest for an item that lacks what the messages name."""
    given = data_source.get("sampling_params") or {}
    parameters = {"temperature": TEMPERATURE, "top_p": TOP_P, "seed": SEED, "max_completion_tokens": MOST_TOKENS}
    parameters |= {name: value for name, value in given.items() if value is not None}
    return Question(model, _write_messages(data_source.get("input_messages"), item), parameters)


def list_templates(input_messages: dict[str, Any]) -> list[str]:
    """Every text with places; a reference counts as one."""
    if input_messages["type"] == "item_reference":
        return [f"{{{{ {input_messages['item_reference']} }}}}"]
    return [text for message in input_messages["template"] for text in _list_texts(message["content"])]


def check_templates(input_messages: dict[str, Any]) -> None:
    """Raises InvalidRequest for a place that cannot be meant, and for one in a sample, which there is not yet."""
    reference = input_messages.get("item_reference")
    templates = list_templates(input_messages)
    places = [match[1] for text in templates for match in PLACE.finditer(text)] if reference is None else [reference]
    try:
        asked = next((place for place in places if parse_path(place).root == "sample"), None)
    except ValueError as error:
        raise InvalidRequest(str(error), hint="places are written as in item.question") from error
    if asked is not None:
        raise InvalidRequest(f"there is no {asked} before the model has answered", hint="messages name the item alone")


def _write_messages(input_messages: dict[str, Any] | None, item: dict[str, Any]) -> list[dict[str, Any]]:
    if input_messages is None:
        return _read_reference("item.input", item)
    if input_messages["type"] == "item_reference":
        return _read_reference(input_messages["item_reference"], item)
    try:
        return [
            {
                "role": message["role"],
                "content": "".join(fill_template(text, {"item": item}) for text in _list_texts(message["content"])),
            }
            for message in input_messages["template"]
        ]
    except (PlaceMissing, FilledTooLong) as error:
        raise InvalidRequest(str(error), hint="every item needs what the template names") from error


def _read_reference(written: str, item: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        value = find_value(parse_path(written), {"item": item}, written)
    except PlaceMissing as error:
        raise InvalidRequest(str(error), hint="every item needs what is referred to") from error
    if not isinstance(value, list) or not all(isinstance(message, dict) for message in value):
        raise InvalidRequest(f"{written} is no list of messages", hint='write [{"role": "user", "content": "..."}]')
    return value


def _list_texts(content: Any) -> list[str]:
    parts = content if isinstance(content, list) else [content]
    return [part if isinstance(part, str) else part["text"] for part in parts]
