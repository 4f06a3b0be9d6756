"""The name of a hosted model becomes where to ask and for which model, or an error that says what is missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from luthier.errors import UnknownModel
from luthier.settings import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from luthier.settings import Settings

OPENAI = "openai:"
URL = re.compile(r"https?://", re.IGNORECASE)
DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """`url` is that of the API, without a slash at its end; `model` is the name that the server knows."""

    url: str
    model: str


def is_remote(name: str) -> bool:
    return name.startswith(OPENAI) or URL.match(name) is not None


def parse_address(name: str, settings: Settings) -> Address:
    """Reads `openai:MODEL` and `http(s)://HOST/PATH#MODEL`; raises UnknownModel when a part is missing or wrong."""
    if name.startswith(OPENAI):
        url, model = settings.openai_base_url, name.removeprefix(OPENAI)
        hint = "write the model behind the colon, such as openai:gpt-4o-mini"
    else:
        url, _, model = name.partition("#")
        hint = "write the model behind a #, such as http://localhost:8000/v1#name"
    if not model.strip():
        raise UnknownModel(f"{name} names a server but no model", hint=hint)
    try:
        return Address(normalise_url(url), model)
    except ValueError as error:
        # The URL is not repeated: what makes it wrong may be a password in it.
        hint = "write it such as http://localhost:8000/v1#name; the setting openai_base_url says where openai: leads"
        raise UnknownModel(f"the address of a hosted model is wrong: {error}", hint=hint) from error


def normalise_url(url: str) -> str:
    """Raises ValueError, without the URL in its text."""
    parts = urlsplit(url.strip())
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("it must begin with http:// or https:// and a host")
    if "@" in parts.netloc:
        raise ValueError("it holds a user or a password; keys belong into the setting endpoint_keys")
    if parts.query:
        raise ValueError("it holds a question mark")
    return find_origin(url) + parts.path.rstrip("/")


def find_origin(url: str) -> str:
    """Scheme, host and port; the port only where it is not the scheme's own."""
    parts = urlsplit(url.strip())
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    port = parts.port
    return f"{parts.scheme}://{shown}" + ("" if port in (None, DEFAULT_PORTS.get(parts.scheme)) else f":{port}")


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK_HOSTS
