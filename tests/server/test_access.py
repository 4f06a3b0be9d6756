"""Every route, met by everybody who must not use it: nobody gets further than their key, name and origin allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from luthier.server.app import ROUTERS
from luthier.store.keys import create_key, revoke_key
from tests.support.api import Api, build_api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from httpx2 import Response

OPEN = {("GET", "/healthz"), ("GET", "/readyz")}
ANY_ROLE = {("GET", "/openapi.json")}
ADMINS_ALONE = {
    ("POST", "/api/keys"),
    ("GET", "/api/keys"),
    ("DELETE", "/api/keys/{key_id}"),
    ("DELETE", "/v1/models/{model}"),
    ("GET", "/v1/fine_tuning/checkpoints/{checkpoint}/permissions"),
    ("POST", "/v1/fine_tuning/checkpoints/{checkpoint}/permissions"),
    ("DELETE", "/v1/fine_tuning/checkpoints/{checkpoint}/permissions/{permission_id}"),
}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


class Place(NamedTuple):
    method: str
    path: str


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    api = build_api(tmp_path_factory.mktemp("access") / "home", wrong_keys_per_minute=10_000)
    yield api
    api.home.database.close()


@pytest.fixture(scope="module")
def places(api: Api) -> list[Place]:
    described = api.app.openapi()["paths"]
    return [Place(method.upper(), path) for path, methods in described.items() for method in methods] + [
        Place(*place) for place in ANY_ROLE
    ]


@pytest.fixture(scope="module")
def ask(api: Api) -> Iterator[Callable[..., Response]]:
    """Asks one place; without `key` as nobody."""
    with api.open_client("") as client:

        def ask(place: Place, key: str = "", **headers: str) -> Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            if key:
                named["Authorization"] = f"Bearer {key}"
            path = place.path.replace("{", "x-").replace("}", "")
            return client.request(place.method, path, headers=named)

        yield ask


def _list_offenders(
    places: list[Place], send: Callable[[Place], Response], *, status: int, code: str
) -> list[tuple[Place, int, str]]:
    """Those that answer otherwise, or not in the form of an error with a request id."""
    offenders = []
    for place in places:
        response = send(place)
        body = response.json()
        is_error = set(body) == {"error"} and set(body["error"]) == {"message", "type", "param", "code"}
        is_same = is_error and (response.status_code, body["error"]["code"]) == (status, code)
        if not is_same or not response.headers["x-request-id"].startswith("req_"):
            offenders.append((place, response.status_code, response.text[:200]))
    return offenders


def test_every_route_is_described(places: list[Place]) -> None:
    served = {
        (method, route.path.replace(":path}", "}"))
        for router in ROUTERS
        for route in router.routes
        for method in route.methods
    }
    assert served | ANY_ROLE == {tuple(place) for place in places}
    assert len(places) == len(set(places)) > 25


def test_the_table_of_admins_names_routes_that_exist(places: list[Place]) -> None:
    assert {tuple(place) for place in places} >= ADMINS_ALONE | OPEN | ANY_ROLE


def test_only_health_is_told_without_a_key(ask: Callable[..., Response], places: list[Place]) -> None:
    closed = [place for place in places if place not in OPEN]
    assert _list_offenders(closed, ask, status=401, code="invalid_api_key") == []
    assert [ask(place).status_code for place in places if place in OPEN] == [200, 200]


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/v1/nope", "/docs", "/healthz/", "//healthz", "/healthz/%2e%2e/metrics", "/healthz%00"]
)
def test_a_path_that_does_not_exist_needs_a_key_too(ask: Callable[..., Response], path: str) -> None:
    assert ask(Place("GET", path)).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic {key}",
        "{key}",
        "bearer",
        "Bearer sk-luthier-wrong",
        "Bearer {key}x",
        "Bearer \xe4",
    ],
)
def test_no_route_takes_what_is_not_its_key(
    api: Api, ask: Callable[..., Response], places: list[Place], header: str
) -> None:
    given = header.format(key=api.key).encode("latin-1")
    closed = [place for place in places if place not in OPEN]
    assert (
        _list_offenders(closed, lambda place: ask(place, Authorization=given), status=401, code="invalid_api_key") == []
    )


def test_no_route_takes_a_revoked_key(api: Api, ask: Callable[..., Response], places: list[Place]) -> None:
    made = create_key(api.home.database, "admin")
    revoke_key(api.home.database, made.key.id)
    closed = [place for place in places if place not in OPEN]
    assert _list_offenders(closed, lambda place: ask(place, made.secret), status=401, code="invalid_api_key") == []


def test_a_key_in_the_query_is_no_key(api: Api, ask: Callable[..., Response]) -> None:
    assert ask(Place("GET", f"/v1/models?api_key={api.key}")).status_code == 401


def test_raters_get_nowhere(api: Api, ask: Callable[..., Response], places: list[Place]) -> None:
    key = api.create_key("rater")
    closed = [place for place in places if place not in OPEN | ANY_ROLE]
    offenders = _list_offenders(closed, lambda place: ask(place, key), status=403, code="insufficient_permissions")
    assert offenders == []


def test_members_may_not_manage(api: Api, ask: Callable[..., Response], places: list[Place]) -> None:
    key = api.create_key("member")
    offenders = _list_offenders(
        [place for place in places if place in ADMINS_ALONE],
        lambda place: ask(place, key),
        status=403,
        code="insufficient_permissions",
    )
    assert offenders == []


def test_members_may_do_all_else(api: Api, ask: Callable[..., Response], places: list[Place]) -> None:
    key = api.create_key("member")
    answers = {place: ask(place, key).status_code for place in places if place not in ADMINS_ALONE}
    assert {place: status for place, status in answers.items() if status in (401, 403, 405) or status >= 500} == {}


def test_a_path_with_a_nul_leads_nowhere(api: Api, ask: Callable[..., Response], places: list[Place]) -> None:
    named = [Place(place.method, place.path.replace("{", "%00")) for place in places if "{" in place.path]
    assert len(named) > 10
    offenders = _list_offenders(named, lambda place: ask(place, api.key), status=404, code="unknown_url")
    assert offenders == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "user@localhost", ""])
def test_no_route_answers_by_a_strange_name(
    api: Api, ask: Callable[..., Response], places: list[Place], host: str
) -> None:
    assert _list_offenders(places, lambda place: ask(place, api.key, Host=host), status=421, code="unknown_host") == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:81"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_origin_changes_nothing(
    api: Api, ask: Callable[..., Response], places: list[Place], headers: dict[str, str]
) -> None:
    unsafe = [place for place in places if place.method in UNSAFE]
    assert {place.method for place in unsafe} == {"POST", "DELETE"}
    offenders = _list_offenders(unsafe, lambda place: ask(place, api.key, **headers), status=403, code="foreign_origin")
    assert offenders == []


def test_a_page_of_another_origin_may_read_no_answer(
    api: Api, ask: Callable[..., Response], places: list[Place]
) -> None:
    for place in places:
        for method in (place.method, "OPTIONS"):
            asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
            headers = ask(Place(method, place.path), api.key, **asked).headers
            assert [name for name in headers if name.lower().startswith("access-control")] == []


def test_a_page_of_the_server_itself_may_change_things(api: Api, ask: Callable[..., Response]) -> None:
    place = Place("POST", "/api/keys")
    assert ask(place, api.key, Origin="http://127.0.0.1").status_code == 400
    assert ask(place, api.key, Origin="https://127.0.0.1", **{"Sec-Fetch-Site": "same-origin"}).status_code == 400
