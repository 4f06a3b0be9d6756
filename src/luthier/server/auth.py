"""The key of a request becomes its caller, before anything of its body is read; routes then ask for a role."""

from __future__ import annotations

import ipaddress
import math
import time
from typing import TYPE_CHECKING, NamedTuple

from fastapi import Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.datastructures import Headers

from luthier.errors import LuthierError
from luthier.server.key_ring import KeyRing
from luthier.server.pace import Pace
from luthier.server.problems import Problem, describe_problem, respond
from luthier.store.keys import ROLES, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from luthier.server.services import Services

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""They say nothing but whether the server works."""

CHALLENGE = {"WWW-Authenticate": "Bearer"}
NEIGHBOURHOOD_BITS = 64
"""Of an IPv6 address: what one customer has all the addresses of."""


class Caller(NamedTuple):
    key_id: str
    role: Role


class RoleCheck(SecurityBase):
    """As what the schema tells of keys, and so one dependency of each route instead of two."""

    def __init__(self, role: Role) -> None:
        self.scheme_name = HTTPBearer.__name__
        self.model = HTTPBearerModel(description="A key that `luthier keys create` made.")
        self._role = role

    async def __call__(self, request: Request) -> Caller:
        caller: Caller = request.state.caller
        if ROLES.index(caller.role) < ROLES.index(self._role):
            message = f"This key has the role '{caller.role}', and this request needs '{self._role}'."
            raise Problem(403, message, code="insufficient_permissions")
        return caller


def require_role(role: Role) -> RoleCheck:
    """For routes: `Depends(require_role("member"))` gives the caller, or refuses one of a lower role with 403."""
    return RoleCheck(role)


class KeyGate:
    """ASGI middleware: nobody without a key gets past it, whatever the path; the caller stands in the request's state.

    Keys that were good here before are let through also from an address that has sent too many wrong ones, so that one
    bad client behind a proxy does not lock out the others.
    """

    def __init__(self, app: ASGIApp, services: Services, *, now: Callable[[], float] = time.monotonic) -> None:
        settings = services.home.settings
        self._app = app
        self._keys = KeyRing(services.home, now=now)
        self._wrong = Pace(settings.wrong_keys_per_minute, now=now)
        self._requests = Pace(settings.requests_per_minute, now=now) if settings.requests_per_minute else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._find_caller(scope)
            self._admit(caller, scope)
        except Problem as problem:
            await respond(problem, scope)(scope, receive, send)
        except LuthierError as error:
            await respond(describe_problem(error), scope)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _find_caller(self, scope: Scope) -> Caller:
        """Raises Problem, or DatabaseUnavailable where nobody can say whether the key is good."""
        secret = _read_secret(Headers(scope=scope))
        neighbourhood = _name_neighbourhood(scope)
        wait_seconds = self._wrong.find_wait(neighbourhood)
        if wait_seconds > 0 and not self._keys.has_seen(secret):
            raise _too_many("Too many requests with a wrong API key came from your address.", wait_seconds)
        key = await self._keys.find(secret)
        if key is None:
            self._wrong.add(neighbourhood)
            message = f"Incorrect API key provided: {_mask(secret)}. `luthier keys create` makes one."
            raise Problem(401, message, code="invalid_api_key", headers=CHALLENGE)
        caller = scope["state"]["caller"] = Caller(key.id, key.role)
        return caller

    def _admit(self, caller: Caller, scope: Scope) -> None:
        """Counts the request, and tells the client what is left in the headers that OpenAI has for it."""
        if self._requests is None:
            return
        wait_seconds = self._requests.find_wait(caller.key_id)
        if wait_seconds > 0:
            raise _too_many(f"Rate limit reached: {self._requests.limit} requests per minute.", wait_seconds)
        self._requests.add(caller.key_id)
        scope["state"]["answer_headers"] = {
            "x-ratelimit-limit-requests": str(self._requests.limit),
            "x-ratelimit-remaining-requests": str(self._requests.count_left(caller.key_id)),
        }


def _read_secret(headers: Headers) -> str:
    given = headers.getlist("authorization")
    scheme, _, secret = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    message = "You didn't provide an API key. Send it in one header 'Authorization: Bearer YOUR_KEY'."
    raise Problem(401, message, code="invalid_api_key", headers=CHALLENGE)


def _mask(secret: str) -> str:
    """Enough to know one's own key again, and too little for whoever reads over one's shoulder."""
    shown = secret[:3] + "*" * 8 + secret[-4:] if len(secret) >= 20 else "*" * 8
    return "".join(character if character.isascii() and character.isprintable() else "?" for character in shown)


def _name_neighbourhood(scope: Scope) -> str:
    """The client's address; of IPv6 the part that it cannot choose. Empty for a Unix socket."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, NEIGHBOURHOOD_BITS), strict=False))


def _too_many(message: str, wait_seconds: float) -> Problem:
    seconds = max(1, math.ceil(wait_seconds))
    text = f"{message} Try again in {seconds} seconds."
    return Problem(429, text, type="requests", code="rate_limit_exceeded", headers={"Retry-After": str(seconds)})
