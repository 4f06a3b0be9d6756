"""A key goes to the server that it was given for, and to no other."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from luthier.engine.remote.access import find_access
from luthier.engine.remote.connection import Connection
from luthier.errors import EngineUnavailable, InvalidConfig
from luthier.settings import Settings

KEYS = Settings(openai_api_key="sk-openai", endpoint_keys={"https://API.example.com:443/v1": "example"})


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://api.openai.com/v1", "sk-openai"),
        ("https://api.example.com/v1", "example"),
        ("http://api.openai.com/v1", ""),
        ("https://api.openai.com:8443/v1", ""),
        ("https://api.openai.com.evil.example/v1", ""),
        ("https://example.com/v1", ""),
        ("http://localhost:8000/v1", ""),
    ],
)
def test_a_key_belongs_to_one_origin(url: str, key: str) -> None:
    assert find_access(url, KEYS).key.get_secret_value() == key


def test_the_key_of_openai_follows_its_address() -> None:
    settings = Settings(openai_api_key="sk-openai", openai_base_url="https://proxy.example.com/openai")
    assert find_access("https://proxy.example.com/openai", settings).key.get_secret_value() == "sk-openai"
    assert find_access("https://api.openai.com/v1", settings).key.get_secret_value() == ""


def test_openai_is_not_asked_without_a_key() -> None:
    with pytest.raises(EngineUnavailable) as caught:
        find_access("https://api.openai.com/v1", Settings(openai_api_key=""))
    assert caught.value.hint == "set OPENAI_API_KEY"


def test_a_wrong_address_of_a_key_is_named() -> None:
    with pytest.raises(InvalidConfig, match="endpoint_keys"):
        find_access("http://host/v1", Settings(endpoint_keys={"host": "key"}))


@pytest.mark.parametrize("key", ["sk-secret\nHost: evil", "sk-secrét"])
def test_a_key_that_cannot_be_one_is_refused_unseen(key: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        Connection("http://host/v1", SecretStr(key), timeout_seconds=1.0, now=lambda: 0.0)
    assert "secr" not in caught.value.message


def test_settings_do_not_show_keys() -> None:
    assert "sk-openai" not in repr(KEYS)
    assert "example'" not in repr(KEYS.endpoint_keys)
