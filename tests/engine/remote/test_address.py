"""Names of hosted models."""

from __future__ import annotations

import pytest

from luthier.engine.remote.address import Address, find_origin, is_loopback, is_remote, parse_address
from luthier.errors import UnknownModel
from luthier.settings import Settings


@pytest.mark.parametrize(
    ("name", "url", "model"),
    [
        ("openai:gpt-4o-mini", "https://api.openai.com/v1", "gpt-4o-mini"),
        ("openai:ft:gpt-4o-mini:org::abc", "https://api.openai.com/v1", "ft:gpt-4o-mini:org::abc"),
        ("http://host:8000/v1#name", "http://host:8000/v1", "name"),
        ("https://Host/v1/#org/name", "https://host/v1", "org/name"),
        ("https://host:443/v1#a#b", "https://host/v1", "a#b"),
        ("http://[::1]:8080/v1#m", "http://[::1]:8080/v1", "m"),
    ],
)
def test_a_name_says_where_and_what(name: str, url: str, model: str) -> None:
    assert is_remote(name)
    assert parse_address(name, Settings()) == Address(url, model)


@pytest.mark.parametrize("name", ["orders", "smollm2-135m", "./http/model", "openai-like", "ftp://host#m"])
def test_other_names_belong_to_this_machine(name: str) -> None:
    assert not is_remote(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("openai:", "no model"),
        ("openai: ", "no model"),
        ("http://host/v1", "no model"),
        ("http://host/v1#", "no model"),
        ("http://#m", "a host"),
        ("http://user:secret@host/v1#m", "a user or a password"),
        ("https://host/v1?key=secret#m", "question mark"),
        ("http://host:99999/v1#m", "ort"),
    ],
)
def test_half_a_name_is_refused_without_telling_secrets(name: str, words: str) -> None:
    with pytest.raises(UnknownModel, match=words) as caught:
        parse_address(name, Settings())
    assert caught.value.hint
    assert "secret" not in caught.value.message


def test_openai_may_lie_elsewhere() -> None:
    settings = Settings(openai_base_url="http://127.0.0.1:4000/v1/")
    assert parse_address("openai:m", settings).url == "http://127.0.0.1:4000/v1"


def test_an_origin_has_no_port_that_goes_without_saying() -> None:
    assert find_origin("HTTPS://Host:443/v1") == find_origin("https://host/other") == "https://host"
    assert find_origin("http://host:443") == "http://host:443"


def test_this_machine_is_known_by_its_names() -> None:
    assert all(is_loopback(url) for url in ("http://localhost:1/v1", "http://127.0.0.1", "http://[::1]:8/v1"))
    assert not is_loopback("http://localhost.example.com/v1")
