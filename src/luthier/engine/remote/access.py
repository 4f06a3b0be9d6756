"""Decides which key a server sees: only one that was meant for this very server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

from luthier.engine.remote.address import find_origin, normalise_url
from luthier.errors import EngineUnavailable, InvalidConfig

if TYPE_CHECKING:
    from luthier.settings import Settings

OPENAI_ORIGIN = "https://api.openai.com"
OPENAI_SETTING = "openai_api_key (OPENAI_API_KEY)"
ENDPOINT_SETTING = "endpoint_keys"


class Access(NamedTuple):
    """`setting` is where the user keeps the key, for the message that it is wrong."""

    key: SecretStr = SecretStr("")
    setting: str = ENDPOINT_SETTING


def find_access(url: str, settings: Settings) -> Access:
    """The key in `endpoint_keys` for this origin; OpenAI's own only where `openai_base_url` lies; else none.

    Raises EngineUnavailable where nobody is heard without a key: at OpenAI.
    """
    origin = find_origin(url)
    for place, key in settings.endpoint_keys.items():
        if _find_origin(place, ENDPOINT_SETTING) == origin:
            return Access(key)
    if _find_origin(settings.openai_base_url, "openai_base_url") == origin:
        if origin == OPENAI_ORIGIN and not settings.openai_api_key.get_secret_value():
            raise EngineUnavailable(f"there is no key for {url}", hint="set OPENAI_API_KEY")
        return Access(settings.openai_api_key, OPENAI_SETTING)
    return Access()


def _find_origin(url: str, setting: str) -> str:
    try:
        return find_origin(normalise_url(url))
    except ValueError as error:
        hint = "write it such as https://api.example.com"
        raise InvalidConfig(f"setting {setting!r}: an address is wrong: {error}", hint=hint) from error
