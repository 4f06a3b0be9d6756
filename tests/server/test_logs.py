"""A line of the log is a JSON object in which no key, prompt or answer stands unless somebody asked for it."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastapi import APIRouter

from luthier.errors import DatabaseUnavailable
from luthier.server.logs import configure_logging
from tests.support.api import build_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-luthier-A7oxKWK_8H0ZA7Djph3otUcHFXWHySvEPNfkREjb1Qc"
PROMPT = "my heart belongs to Daddy"


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    for name in ("luthier", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def _log(*, shows_content: bool = False) -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    configure_logging("api", shows_content=shows_content, stream=stream)
    return logging.getLogger("luthier.server.test"), stream


def _read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_when_where_and_what() -> None:
    logger, stream = _log()
    logger.info("%s\nsaid", "she", extra={"request_id": "req_1", "status": 200})
    (line,) = _read(stream)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "part": "api",
        "logger": "luthier.server.test",
        "message": "she\nsaid",
        "request_id": "req_1",
        "status": 200,
    }


@pytest.mark.parametrize("text", [KEY, f"Authorization: Bearer {KEY}", f"bearer {KEY[3:]}", "whsec_" + KEY[11:]])
def test_no_key_gets_into_the_log(text: str) -> None:
    logger, stream = _log()
    logger.warning("a client sent %s!", text, extra={"header": {"deep": [text]}})
    try:
        raise DatabaseUnavailable(text)
    except DatabaseUnavailable:
        logger.exception("failed")
    assert KEY[11:] not in stream.getvalue()
    assert len(_read(stream)) == 2


def test_content_is_logged_only_when_asked_for() -> None:
    logger, stream = _log()
    logger.info("answered", extra={"content": {"prompt": PROMPT}})
    assert PROMPT not in stream.getvalue()
    logger, stream = _log(shows_content=True)
    logger.info("answered", extra={"content": {"prompt": PROMPT}})
    assert _read(stream)[0]["content"] == {"prompt": PROMPT}


def _raise_with_prompt() -> None:
    try:
        int(PROMPT)
    except ValueError as error:
        raise KeyError(PROMPT) from error


def test_an_exception_shows_where_but_not_what_it_quotes() -> None:
    logger, stream = _log()
    try:
        _raise_with_prompt()
    except KeyError:
        logger.exception("failed")
    told = _read(stream)[0]["exception"]
    assert PROMPT not in stream.getvalue()
    assert told.index("ValueError\nthen:\n") < told.index("_raise_with_prompt()") < told.index("KeyError")


def test_an_exception_of_ours_says_all() -> None:
    logger, stream = _log()
    try:
        raise DatabaseUnavailable("no answer from db.example")
    except DatabaseUnavailable:
        logger.exception("failed")
    assert _read(stream)[0]["exception"].endswith("DatabaseUnavailable: no answer from db.example")


def test_other_libraries_are_heard_only_when_something_is_wrong() -> None:
    _, stream = _log()
    logging.getLogger("httpx2").info("HTTP Request: POST https://example.com?key=secret")
    assert stream.getvalue() == ""
    logging.getLogger("httpx2").warning("slow")
    assert _read(stream)[0]["message"] == "slow"


def test_every_line_of_a_request_carries_its_id_and_none_quotes_it(tmp_path: Path) -> None:
    api = build_api(tmp_path / "home", answers={"smollm2-135m": lambda messages: PROMPT})
    router = APIRouter()

    @router.post("/fail")
    def fail(body: dict[str, str]) -> None:
        logging.getLogger("luthier.server.test").info("on the way")
        raise ValueError(body["prompt"])

    api.app.include_router(router)
    _, stream = _log()
    headers = {"Authorization": f"Bearer {api.key}"}
    with api.listen() as address:
        failed = httpx2.post(f"{address}/fail", json={"prompt": PROMPT}, headers=headers)
        chat = {"model": "smollm2-135m", "messages": [{"role": "user", "content": PROMPT}]}
        answered = httpx2.post(f"{address}/v1/chat/completions", json=chat, headers=headers)
        refused = httpx2.post(f"{address}/v1/chat/completions", json={PROMPT: PROMPT, **chat}, headers=headers)
    assert (failed.status_code, answered.status_code, refused.status_code) == (500, 200, 400)
    assert PROMPT in answered.text
    lines = _read(stream)
    of_failed = [line for line in lines if line.get("request_id") == failed.headers["x-request-id"]]
    assert [line["message"] for line in of_failed][:2] == ["on the way", "POST /fail 500"]
    assert of_failed[-1]["exception"].endswith("ValueError")
    for answer in (answered, refused):
        assert answer.headers["x-request-id"] in {line.get("request_id") for line in lines}
    assert PROMPT not in stream.getvalue()
    assert api.key not in stream.getvalue()
    api.home.database.close()
