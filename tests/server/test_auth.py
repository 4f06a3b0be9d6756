"""Keys are checked, remembered and counted as the settings say; time is a number that the tests move."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from luthier.errors import DatabaseUnavailable
from luthier.server.auth import KeyGate
from luthier.server.services import Services
from luthier.store.keys import REMEMBERED_SECONDS, create_key, revoke_key
from tests.support.api import embed_by_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.store.home import Home


class Hand:
    """A clock that stands until somebody moves it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Gate:
    """A KeyGate before an application that says yes to everybody who gets there."""

    def __init__(self, home: Home, **changes: Any) -> None:
        home.settings = home.settings.model_copy(update=changes)
        self.hand = Hand()
        self.admitted: list[str] = []
        services = Services(home=home, engine=None, embed=embed_by_hash)  # type: ignore[arg-type]
        self._gate = KeyGate(self._admit, services, now=self.hand)

    def ask(self, secret: str, *, client: str = "10.0.0.1") -> tuple[int, dict[str, str]]:
        return asyncio.run(self.ask_later(secret, client=client))

    async def ask_later(self, secret: str, *, client: str = "10.0.0.1") -> tuple[int, dict[str, str]]:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/models",
            "client": (client, 1),
            "headers": [(b"authorization", f"Bearer {secret}".encode())],
            "state": {},
        }
        await self._gate(scope, _receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0].get("headers", [])}
        return sent[0]["status"], headers | scope["state"].get("answer_headers", {})

    async def _admit(self, scope: Any, receive: Any, send: Callable[..., Any]) -> None:
        self.admitted.append(scope["state"]["caller"].role)
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def _receive() -> dict[str, Any]:
    raise AssertionError("the gate reads nothing of a request's body")


def test_a_revoked_key_works_no_longer_than_it_is_remembered(home: Home) -> None:
    gate, made = Gate(home), create_key(home.database, "member")
    assert gate.ask(made.secret)[0] == 200
    revoke_key(home.database, made.key.id)
    gate.hand.seconds += REMEMBERED_SECONDS
    assert gate.ask(made.secret)[0] == 401
    assert gate.admitted == ["member"]


def test_a_new_key_works_at_once_and_a_remembered_one_without_a_database(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(home)
    assert gate.ask("sk-luthier-not-yet")[0] == 401
    made = create_key(home.database, "admin")
    assert gate.ask(made.secret)[0] == 200
    monkeypatch.setattr("luthier.server.key_ring.find_key", _fail)
    assert gate.ask(made.secret)[0] == 200
    gate.hand.seconds += REMEMBERED_SECONDS
    status, headers = gate.ask(made.secret)
    assert (status, headers["retry-after"]) == (503, "5")


def _fail(*_: object) -> None:
    raise DatabaseUnavailable("no database at postgresql://secret-host/luthier")


def test_many_requests_at_once_ask_the_database_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, made, looked_up = Gate(home), create_key(home.database, "member"), []
    monkeypatch.setattr("luthier.server.key_ring.find_key", lambda db, secret: looked_up.append(secret) or made.key)

    async def ask_all() -> list[int]:
        return [status for status, _ in await asyncio.gather(*(gate.ask_later(made.secret) for _ in range(50)))]

    assert asyncio.run(ask_all()) == [200] * 50
    assert looked_up == [made.secret]


def test_an_address_with_too_many_wrong_keys_waits_for_a_minute(home: Home) -> None:
    gate = Gate(home, wrong_keys_per_minute=3)
    assert [gate.ask(f"sk-luthier-{number}")[0] for number in range(3)] == [401] * 3
    gate.hand.seconds += 20
    made = create_key(home.database, "member")
    status, headers = gate.ask(made.secret)
    assert (status, headers["retry-after"]) == (429, "40")
    assert gate.ask(made.secret, client="10.0.0.2")[0] == 200
    gate.hand.seconds += 40
    assert gate.ask("sk-luthier-3")[0] == 401


def test_a_key_that_was_good_before_is_not_locked_out_with_its_neighbours(home: Home) -> None:
    gate, made = Gate(home, wrong_keys_per_minute=2), create_key(home.database, "member")
    assert gate.ask(made.secret)[0] == 200
    assert [gate.ask(f"sk-luthier-{number}")[0] for number in range(3)] == [401, 401, 429]
    gate.hand.seconds += REMEMBERED_SECONDS
    assert gate.ask(made.secret)[0] == 200


def test_all_addresses_of_one_ipv6_network_count_as_one(home: Home) -> None:
    gate = Gate(home, wrong_keys_per_minute=2)
    asked = [gate.ask("sk-luthier-wrong", client=f"2001:db8::{number}")[0] for number in range(1, 4)]
    assert asked == [401, 401, 429]
    assert gate.ask("sk-luthier-wrong", client="2001:db8:0:1::1")[0] == 401


def test_an_ipv4_address_that_is_written_as_ipv6_counts_for_itself(home: Home) -> None:
    gate = Gate(home, wrong_keys_per_minute=1)
    assert gate.ask("sk-luthier-wrong", client="::ffff:192.0.2.1")[0] == 401
    assert gate.ask("sk-luthier-wrong", client="192.0.2.1")[0] == 429
    assert gate.ask("sk-luthier-wrong", client="::ffff:192.0.2.2")[0] == 401


def test_a_key_may_send_no_more_requests_in_any_minute_than_the_setting_says(home: Home) -> None:
    gate = Gate(home, requests_per_minute=2)
    first, second = (create_key(home.database, "member").secret for _ in range(2))
    status, headers = gate.ask(first)
    assert (status, headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == (200, "2", "1")
    gate.hand.seconds += 59
    assert gate.ask(first)[0] == 200
    status, headers = gate.ask(first)
    assert (status, headers["retry-after"]) == (429, "1")
    assert gate.ask(second)[0] == 200
    gate.hand.seconds += 1
    assert gate.ask(first)[0] == 200
    assert gate.ask(first)[1]["retry-after"] == "59"


def test_without_a_limit_no_headers_speak_of_one(home: Home) -> None:
    gate, made = Gate(home), create_key(home.database, "member")
    answers = [gate.ask(made.secret) for _ in range(100)]
    assert {status for status, _ in answers} == {200}
    assert not any(name.startswith("x-ratelimit") for name in answers[-1][1])
