"""Behind a proxy only the address that the proxy itself has written is believed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from luthier.server.forwarding import ForwardedClient

PROXY = ("10.0.0.9", 4711)


def find_client(*values: str) -> tuple[str, int]:
    seen: list[tuple[str, int]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"])

    headers = [(b"x-forwarded-for", value.encode()) for value in values]
    asyncio.run(ForwardedClient(application)({"type": "http", "client": PROXY, "headers": headers}, None, None))  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize(
    ("values", "believed"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        (["1.1.1.1", "2.2.2.2,203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7:5512"], "203.0.113.7"),
        (["1.1.1.1, 2001:db8::7"], "2001:db8::7"),
        (["[2001:db8::7]:5512"], "2001:db8::7"),
    ],
)
def test_the_last_address_is_the_client(values: list[str], believed: str) -> None:
    assert find_client(*values) == (believed, 0)


@pytest.mark.parametrize("values", [[], [""], ["unknown"], ["203.0.113.7, unknown"], ["203.0.113.7,"]])
def test_without_an_address_it_is_the_proxy(values: list[str]) -> None:
    assert find_client(*values) == PROXY
