"""The description of the API says what the API does."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from luthier.server.auth import OPEN_PATHS

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.support.api import Api


def test_the_description_is_told_to_every_key_and_to_nobody_else(api: Api) -> None:
    with api.open_client(api.create_key("rater")) as client:
        assert client.get("/openapi.json").json() == json.loads(json.dumps(api.app.openapi()))
    with api.open_client("") as client:
        assert client.get("/openapi.json").status_code == 401


def test_every_operation_has_its_own_name_its_key_and_its_errors(api: Api) -> None:
    described = api.app.openapi()
    operations = {
        (method, path): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    names = Counter(operation["operationId"] for operation in operations.values())
    assert [name for name, count in names.items() if count > 1] == []
    for (method, path), operation in operations.items():
        assert {"4XX", "5XX"} <= set(operation["responses"]), (method, path)
        assert "422" not in operation["responses"], (method, path)
        assert ("security" in operation) is (path not in OPEN_PATHS), (method, path)
    schemas = described["components"]["schemas"]
    assert set(schemas["ErrorAnswer"]["properties"]) == {"error"}
    assert set(schemas["ErrorDetail"]["required"]) == {"message", "type", "param", "code"}
    assert "HTTPValidationError" not in schemas


def test_no_page_loads_scripts_from_elsewhere(client: TestClient) -> None:
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
