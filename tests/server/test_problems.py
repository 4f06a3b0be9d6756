"""Every error of ours has a status, a code and words that a client may read, and every status OpenAI's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from luthier import errors
from luthier.server.problems import Problem, describe_problem
from tests.support.api import Api, build_api

if TYPE_CHECKING:
    from collections.abc import Iterator

TROUBLES: dict[type[errors.LuthierError], tuple[int, str | None, type[openai.APIStatusError]]] = {
    errors.KeyRefused: (401, "invalid_api_key", openai.AuthenticationError),
    errors.UnknownModel: (404, "model_not_found", openai.NotFoundError),
    errors.UnknownFile: (404, None, openai.NotFoundError),
    errors.UnknownJob: (404, None, openai.NotFoundError),
    errors.WrongState: (400, "invalid_state", openai.BadRequestError),
    errors.InvalidRequest: (400, "invalid_value", openai.BadRequestError),
    errors.InvalidStructure: (400, "invalid_value", openai.BadRequestError),
    errors.PromptTooLong: (400, "context_length_exceeded", openai.BadRequestError),
    errors.InvalidDataset: (400, "invalid_value", openai.BadRequestError),
    errors.Overloaded: (429, "rate_limit_exceeded", openai.RateLimitError),
    errors.EngineUnavailable: (503, "engine_unavailable", openai.InternalServerError),
    errors.DatabaseUnavailable: (503, "database_unavailable", openai.InternalServerError),
    errors.DiskFull: (503, "disk_full", openai.InternalServerError),
    errors.OutOfMemory: (503, "machine", openai.InternalServerError),
    errors.DeadlineExceeded: (504, "timeout", openai.InternalServerError),
    errors.RequestCancelled: (503, "request_cancelled", openai.InternalServerError),
    errors.StoreDamaged: (500, "store_damaged", openai.InternalServerError),
    errors.TrainingDiverged: (500, None, openai.InternalServerError),
}
PARAMETERS = {errors.UnknownFile: "id", errors.PromptTooLong: "messages"}
INSIDES = "/srv/luthier/home is full of secrets"


def _add_route(api: Api, error: Exception) -> None:
    router = APIRouter()

    @router.get("/v1/models/trouble")
    def fail() -> None:
        raise error

    # Before the model route, which takes any name.
    api.app.router.routes[:0] = router.routes


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[openai.OpenAI, list[Exception]]]:
    """The official client of a server that fails with the last of the list."""
    api = build_api(tmp_path_factory.mktemp("problems") / "home")
    router, troubles = APIRouter(), []

    @router.get("/v1/models/trouble")
    def fail() -> None:
        raise troubles[-1]

    api.app.router.routes[:0] = router.routes
    with api.open_sdk() as sdk:
        yield sdk, troubles
    api.home.database.close()


@pytest.mark.parametrize("kind", TROUBLES, ids=lambda kind: kind.__name__)
def test_the_official_client_raises_what_it_raises_for_openai(
    troubled: tuple[openai.OpenAI, list[Exception]], kind: type[errors.LuthierError]
) -> None:
    status, code, raised = TROUBLES[kind]
    sdk, troubles = troubled
    troubles.append(kind("what is wrong", hint="what to do"))
    with pytest.raises(raised) as caught:
        sdk.models.retrieve("trouble")
    assert type(caught.value) is raised
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (
        status,
        code,
        PARAMETERS.get(kind),
    )
    assert caught.value.request_id.startswith("req_")
    is_worth_retrying = status in (429, 503)
    assert ("retry-after" in caught.value.response.headers) is is_worth_retrying
    told_not_to = caught.value.response.headers.get("x-should-retry") == "false"
    assert told_not_to is (status >= 500 and not is_worth_retrying)


def test_every_error_of_the_tree_has_an_answer() -> None:
    kinds = [errors.LuthierError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert len(kinds) > 30
    for kind in kinds:
        problem = describe_problem(kind("what is wrong"))
        assert 400 <= problem.status_code < 600
        assert problem.type == ("server_error" if problem.status_code >= 500 else problem.type)
        assert problem.status_code != 409, "clients send a 409 again by themselves"


@pytest.mark.parametrize(
    "kind", [errors.DiskFull, errors.DatabaseUnavailable, errors.StoreDamaged, errors.MachineError, errors.ProofFailed]
)
def test_the_insides_of_the_server_stay_in_its_log(
    kind: type[errors.LuthierError], caplog: pytest.LogCaptureFixture
) -> None:
    problem = describe_problem(kind(INSIDES, hint=INSIDES))
    assert INSIDES not in problem.message
    assert INSIDES in caplog.text


def test_overload_says_when_to_come_again() -> None:
    problem = describe_problem(errors.Overloaded("too many chats", retry_seconds=2.2))
    assert problem.headers == {"Retry-After": "3"}


def test_a_hint_is_part_of_the_message() -> None:
    assert describe_problem(errors.UnknownModel("no model x", hint="did you mean y?")).message == (
        "no model x (did you mean y?)"
    )


def test_an_exception_that_nobody_expected_tells_nothing_but_its_request_id(api: Api) -> None:
    _add_route(api, ZeroDivisionError(INSIDES))
    with api.open_client(raise_server_exceptions=False) as client:
        response = client.get("/v1/models/trouble")
    assert response.status_code == 500
    assert INSIDES not in response.text
    assert response.json()["error"]["type"] == "server_error"
    assert response.headers["x-request-id"].startswith("req_")
    assert response.headers.get_list("x-request-id") == [response.headers["x-request-id"]]


def test_a_problem_is_answered_as_it_was_raised(api: Api) -> None:
    _add_route(api, Problem(418, "teapot", type="t", param="p", code="c", headers={"x-own": "1"}))
    with api.open_client() as client:
        response = client.get("/v1/models/trouble")
    assert (response.status_code, response.headers["x-own"]) == (418, "1")
    assert response.json() == {"error": {"message": "teapot", "type": "t", "param": "p", "code": "c"}}


def test_half_a_character_in_a_message_is_no_reason_to_fail(api: Api) -> None:
    _add_route(api, errors.InvalidRequest("no \ud800 here"))
    with api.open_client() as client:
        response = client.get("/v1/models/trouble")
    assert (response.status_code, response.json()["error"]["message"]) == (400, "no \\ud800 here")


def test_unknown_places_and_methods_are_told_apart(client: TestClient) -> None:
    missing = client.get("/v1/nothing")
    assert (missing.status_code, missing.json()["error"]["message"]) == (404, "Invalid URL (GET /v1/nothing)")
    wrong = client.put("/v1/models")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_supported")
    assert wrong.headers["allow"] == "GET"
