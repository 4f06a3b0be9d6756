"""What the commands ask of a Luthier server: files, fine-tuning jobs, models and what is kept there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from luthier.errors import FileMissing, ServerUnavailable
from luthier.remote.records import CheckpointRecord, EventRecord, JobRecord, Record, read_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from luthier.remote.connection import ServerConnection

LARGEST_FILE = 512 * 2**20
PART_BYTES = 64 * 2**20
PAGE = 100
MIME_TYPE = "application/jsonl"

Told = TypeVar("Told", bound=Record)


class LuthierServer:
    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    @property
    def origin(self) -> str:
        return self._connection.origin

    def upload_file(self, path: Path, *, purpose: str = "fine-tune") -> str:
        """The id of the file there. One that is too large for one request goes in parts. Raises FileMissing."""
        try:
            size = path.stat().st_size
            if size > LARGEST_FILE:
                return self._upload_in_parts(path, size, purpose)
            with path.open("rb") as file:

                def build_form() -> dict[str, Any]:
                    file.seek(0)
                    return {"files": {"file": (path.name, file, MIME_TYPE)}, "data": {"purpose": purpose}}

                return str(self._connection.ask("POST", "/v1/files", files=build_form)["id"])
        except OSError as error:
            what = (error.strerror or "cannot be read").lower()
            raise FileMissing(f"{path}: {what}", hint="check the path") from error

    def create_job(self, request: dict[str, Any]) -> JobRecord:
        return _read(read_job, self._connection.ask("POST", "/v1/fine_tuning/jobs", body=request))

    def get_job(self, job_id: str) -> JobRecord:
        return _read(read_job, self._connection.ask("GET", _job_path(job_id)))

    def change_job(self, job_id: str, change: str) -> JobRecord:
        """`change` is cancel, pause or resume."""
        return _read(read_job, self._connection.ask("POST", f"{_job_path(job_id)}/{change}"))

    def list_jobs(self) -> list[JobRecord]:
        """The latest first."""
        return [_read(read_job, row) for row in self._list("/v1/fine_tuning/jobs")]

    def list_events(self, job_id: str, *, before: str | None = None) -> list[EventRecord]:
        """The latest first, down to but without the event `before`, which was seen already."""
        events = []
        for row in self._list(f"{_job_path(job_id)}/events"):
            if row["id"] == before:
                break
            events.append(_read(EventRecord.model_validate, row))
        return events

    def list_checkpoints(self, job_id: str) -> list[CheckpointRecord]:
        return [_read(CheckpointRecord.model_validate, row) for row in self._list(f"{_job_path(job_id)}/checkpoints")]

    def list_models(self) -> list[str]:
        """The names under which the server answers."""
        return [row["id"] for row in self._connection.ask("GET", "/v1/models")["data"]]

    def fetch_kept(self, what: str) -> dict[str, Any]:
        """`models`, `runs`, or `kept/NAME`: as the commands on the server's own machine show them."""
        return self._connection.ask("GET", f"/api/{what}")

    def create_key(self, role: str, *, name: str) -> dict[str, Any]:
        """An admin's key is needed for this, and for all that is about keys."""
        return self._connection.ask("POST", "/api/keys", body={"role": role, "name": name})

    def list_keys(self) -> list[dict[str, Any]]:
        """The latest first."""
        return list(self._connection.ask("GET", "/api/keys")["data"])

    def revoke_key(self, key_id: str) -> dict[str, Any]:
        return self._connection.ask("DELETE", f"/api/keys/{_clean(key_id)}")

    def create_eval(self, body: dict[str, Any]) -> dict[str, Any]:
        """As OpenAI's API has evals, and so for all that is about them."""
        return self._connection.ask("POST", "/v1/evals", body=body)

    def list_evals(self) -> list[dict[str, Any]]:
        """The earliest first."""
        return list(self._list("/v1/evals"))

    def create_eval_run(self, eval_id: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._connection.ask("POST", f"/v1/evals/{_clean(eval_id)}/runs", body=body)

    def list_eval_runs(self, eval_id: str) -> list[dict[str, Any]]:
        """The earliest first."""
        return list(self._list(f"/v1/evals/{_clean(eval_id)}/runs"))

    def get_eval_run(self, eval_id: str, run_id: str) -> dict[str, Any]:
        return self._connection.ask("GET", f"/v1/evals/{_clean(eval_id)}/runs/{_clean(run_id)}")

    def close(self) -> None:
        self._connection.close()

    def _upload_in_parts(self, path: Path, size: int, purpose: str) -> str:
        draft = {"filename": path.name, "purpose": purpose, "bytes": size, "mime_type": MIME_TYPE}
        upload = self._connection.ask("POST", "/v1/uploads", body=draft)["id"]
        parts = []
        with path.open("rb") as file:
            while content := file.read(PART_BYTES):
                form = {"files": {"data": ("part", content, "application/octet-stream")}}
                part = self._connection.ask("POST", f"/v1/uploads/{upload}/parts", files=partial(dict, form))
                parts.append(part["id"])
        done = self._connection.ask("POST", f"/v1/uploads/{upload}/complete", body={"part_ids": parts})
        return str(done["file"]["id"])

    def _list(self, path: str) -> Iterator[dict[str, Any]]:
        after: dict[str, str] = {}
        while True:
            page = self._connection.ask("GET", path, params={"limit": PAGE, **after})
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"after": page["data"][-1]["id"]}


def _job_path(job_id: str) -> str:
    return f"/v1/fine_tuning/jobs/{_clean(job_id)}"


def _clean(id: str) -> str:
    """An id is letters, digits and dashes; anything else would name another path of the server."""
    return "".join(character for character in id if character.isalnum() or character in "-_") or "-"


def _read(read: Callable[[Any], Told], answer: dict[str, Any]) -> Told:
    try:
        return read(answer)
    except (ValidationError, LookupError, TypeError) as error:
        hint = "is this the address of a Luthier server of this version?"
        raise ServerUnavailable("the server tells of a job in a form that is not known here", hint=hint) from error
