"""Requests made up from our own description of the API, about things that there are: each answer is as described.

What names nothing ends in a 404 before much has happened; `tests/server/test_fuzzing.py` sends that.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from luthier.models.public_names import PublicNames
from luthier.store.eval_runs import ItemQuery, get_run, list_items
from tests.server.test_fuzzing import CHECKS
from tests.support.api import Api, build_api
from tests.support.evals import CRITERION, CUSTOM, add_eval, add_held_run
from tests.support.jobs import claim
from tests.support.tuned import register_tuned
from tests.support.whole_server import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

SNAPSHOT = "gpt-4o-mini-2024-07-18"
EXAMPLES = settings(
    max_examples=6,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SLOW = "/api/keys/{key_id}"
"""Waits until no server remembers the key."""

NARROWING = ("after", "model", "metadata", "purpose", "status")
"""Parameters of lists that leave little of them when they are made up."""

EMBEDDER = "all-minilm-l6-v2"
GRADER = {
    "type": "string_check",
    "name": "same",
    "input": "{{sample.output_text}}",
    "reference": "a",
    "operation": "eq",
}


GIVEN = {"type": "jsonl", "source": {"type": "file_content", "content": [{"item": {"question": "", "answer": ""}}]}}


class Known(NamedTuple):
    """What a request may name: parameters of paths, and fields of bodies."""

    path: dict[str, str]
    body: dict[str, Any]


class Shop:
    """Makes one of everything that there can be, as often as it is asked: a request may delete it."""

    def __init__(self, api: Api, client: TestClient) -> None:
        self._api = api
        self._client = client
        self._count = 0
        self._ended_job = self._end_job()

    def stock(self, operation: str) -> Known:
        """For the operation of that label, such as `GET /v1/files/{file_id}`."""
        file = self._upload_file()
        upload, part = self._begin_upload()
        tuned, public_name = self._publish_model()
        permission = self._post(f"/v1/fine_tuning/checkpoints/{public_name}/permissions", {"project_ids": ["proj_a"]})
        path = {
            "file_id": file,
            "upload_id": upload,
            "job_id": self._find_job(operation, file),
            "checkpoint": public_name,
            "permission_id": permission["data"][0]["id"],
            "model": public_name,
            "completion_id": self._store_chat(),
            "name": tuned,
            **self._end_run(),
        }
        if operation.endswith(("/runs/{run_id}/cancel", "POST /v1/evals/{eval_id}/runs/{run_id}")):
            path["run_id"] = add_held_run(self._api.home.database, path["eval_id"])
        body = {
            "model": EMBEDDER if operation.endswith("/embeddings") else SNAPSHOT,
            "training_file": file,
            "validation_file": None,
            "part_ids": [part],
            "grader": GRADER,
            "md5": None,
            "data_source_config": CUSTOM,
            "testing_criteria": [CRITERION],
            "data_source": GIVEN,
        }
        return Known(path, body)

    def _find_job(self, operation: str, file: str) -> str:
        action = operation.rpartition("/")[2]
        if action not in ("cancel", "pause", "resume"):
            return self._ended_job
        job = str(self._post("/v1/fine_tuning/jobs", {"model": SNAPSHOT, "training_file": file})["id"])
        if action == "resume":
            self._post(f"/v1/fine_tuning/jobs/{job}/pause", {})
        return job

    def _end_job(self) -> str:
        file = self._upload_file()
        job = self._post("/v1/fine_tuning/jobs", {"model": SNAPSHOT, "training_file": file})["id"]
        hold = claim(self._api.home.database).hold
        hold.move_to_queue()
        hold.start_running(hyperparameters={"n_epochs": 3, "batch_size": 1}, run_id="run-1")
        for step in (3, 6):
            hold.add_checkpoint(step, f"ft:{SNAPSHOT}:luthier::aaaaaaaa:ckpt-step-{step}", {"step": step})
        hold.succeed(fine_tuned_model=f"ft:{SNAPSHOT}:luthier::aaaaaaaa", trained_tokens=7, result_file=file)
        return str(job)

    def _end_run(self) -> dict[str, str]:
        """An eval, a run of it that has ended, and the only item of that."""
        database = self._api.home.database
        eval_id = add_eval(database).id
        run_id = str(self._post(f"/v1/evals/{eval_id}/runs", {"data_source": GIVEN})["id"])
        wait_until(lambda: get_run(database, eval_id, run_id).status == "completed")
        (item,) = list_items(database, eval_id, run_id, ItemQuery()).items
        return {"eval_id": eval_id, "run_id": run_id, "output_item_id": item.id}

    def _upload_file(self) -> str:
        answer = self._client.post("/v1/files", data={"purpose": "fine-tune"}, files={"file": ("a.jsonl", b"{}\n")})
        return str(answer.json()["id"])

    def _begin_upload(self) -> tuple[str, str]:
        """Its id and that of its only part."""
        order = {"filename": "a.jsonl", "purpose": "fine-tune", "bytes": 3, "mime_type": "text/jsonl"}
        upload = self._post("/v1/uploads", order)["id"]
        part = self._client.post(f"/v1/uploads/{upload}/parts", files={"data": ("part", b"{}\n")})
        return upload, part.json()["id"]

    def _publish_model(self) -> tuple[str, str]:
        self._count += 1
        name, public_name = f"tuned-{self._count}", f"ft:{SNAPSHOT}:luthier::{self._count:08}"
        register_tuned(self._api.home, name)
        PublicNames(self._api.home).publish(public_name, name, self._ended_job)
        return name, public_name

    def _store_chat(self) -> str:
        asked = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "hi"}], "store": True}
        return str(self._post("/v1/chat/completions", asked)["id"])

    def _post(self, path: str, body: Any) -> Any:
        answer = self._client.post(path, json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    api = build_api(tmp_path_factory.mktemp("schemathesis") / "home", aliases={SNAPSHOT: "smollm2-135m"})
    yield api
    api.home.database.close()


def name_known(case: schemathesis.Case, known: Known) -> None:
    """Leaves everything else of the request as it was made up."""
    case.path_parameters.update({name: known.path[name] for name in case.path_parameters if name in known.path})
    for name in NARROWING:
        case.query.pop(name, None)
    if isinstance(case.body, dict):
        case.body.update({name: known.body[name] for name in case.body if name in known.body})


def fuzz(operation: Any, known: Known, *, address: str, key: str) -> Counter[int]:
    """How often each status was the answer; raises for one that is a failure, or other than described."""
    statuses: Counter[int] = Counter()

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
    def ask(case: schemathesis.Case) -> None:
        name_known(case, known)
        response = case.call(base_url=address, headers={"Authorization": f"Bearer {key}"})
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    ask()
    return statuses


def test_every_operation_succeeds_and_answers_as_described(api: Api) -> None:
    never_well = []
    with api.listen() as address, api.open_client() as client:
        shop = Shop(api, client)
        for found in schemathesis.openapi.from_dict(api.app.openapi()).get_all_operations():
            operation = found.ok()
            if operation.path == SLOW:
                continue
            statuses = fuzz(operation, shop.stock(operation.label), address=address, key=api.key)
            if not any(status < 300 for status in statuses):
                never_well.append((operation.label, statuses))
    assert never_well == []
