"""Whatever the description of the API allows or forbids is sent; no answer is a failure, or other than described."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.api import Api, build_api

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = settings(
    max_examples=4,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SLOW = "/api/keys/{key_id}"
"""Waits until no server remembers the key."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    api = build_api(tmp_path_factory.mktemp("fuzzing") / "home", wrong_keys_per_minute=10_000)
    yield api
    api.home.database.close()


@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
def test_every_answer_is_as_described(api: Api, mode: schemathesis.GenerationMode) -> None:
    asked = set()
    with api.listen() as address:
        for found in schemathesis.openapi.from_dict(api.app.openapi()).get_all_operations():
            operation = found.ok()
            if operation.path == SLOW:
                continue

            @EXAMPLES
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case) -> None:
                asked.add(case.operation.label)
                response = case.call(base_url=address, headers={"Authorization": f"Bearer {api.key}"})
                case.validate_response(response, checks=CHECKS)

            with suppress(Unsatisfiable):  # nothing about it could be wrong
                ask()
    assert len(asked) > 30
