from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Event
from time import sleep
from typing import TYPE_CHECKING, Any

import httpx2
import numpy as np
import openai
import pytest

from luthier.models.embedding import MINILM
from luthier.models.public_names import EMBEDDER
from tests.support.api import build_api, embed_by_hash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from starlette.testclient import TestClient

    from luthier.engine.protocol import EmbeddedTexts
    from tests.support.api import Api

THREADS_OF_ALL_ELSE = 40
"""anyio's own number of them."""

TEXTS = ["a cup of tea", "a mug of tea", "snow"]


def test_the_sdk_gets_the_same_vectors_in_both_encodings(api: Api) -> None:
    # By itself it asks for base64, which its own strict validation would not take.
    with api.listen() as address, openai.OpenAI(base_url=f"{address}/v1", api_key=api.key) as sdk:
        packed = sdk.embeddings.create(model=EMBEDDER, input=TEXTS)
    with api.open_sdk() as sdk:
        plain = sdk.embeddings.create(model=EMBEDDER, input=TEXTS, encoding_format="float")
    expected = embed_by_hash(TEXTS).vectors
    for answer in (packed, plain):
        assert [row.index for row in answer.data] == [0, 1, 2]
        np.testing.assert_array_equal(np.array([row.embedding for row in answer.data], np.float32), expected)
        assert (answer.usage.prompt_tokens, answer.usage.total_tokens, answer.model) == (9, 9, EMBEDDER)


def test_base64_holds_floats_with_the_lowest_byte_first(client: TestClient) -> None:
    body = {"model": EMBEDDER, "input": "snow", "encoding_format": "base64"}
    (row,) = client.post("/v1/embeddings", json=body).json()["data"]
    vector = np.frombuffer(base64.b64decode(row["embedding"]), "<f4")
    np.testing.assert_array_equal(vector, embed_by_hash(["snow"]).vectors[0])


def test_the_models_own_number_of_dimensions_may_be_asked_for_and_no_other(client: TestClient) -> None:
    body = {"model": EMBEDDER, "input": "snow"}
    assert client.post("/v1/embeddings", json={**body, "dimensions": 384}).status_code == 200
    refused = client.post("/v1/embeddings", json={**body, "dimensions": 256})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "dimensions")


@pytest.mark.parametrize("texts", [[], "", ["a", ""], [1, 2], [[1], [2]], None, 5, ["a"] * 2049])
def test_what_is_no_text_is_refused(client: TestClient, texts: Any) -> None:
    answer = client.post("/v1/embeddings", json={"model": EMBEDDER, "input": texts})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("input")


def test_only_the_model_that_embeds_embeds(client: TestClient) -> None:
    answer = client.post("/v1/embeddings", json={"model": "smollm2-135m", "input": "snow"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    chat = {"model": EMBEDDER, "messages": [{"role": "user", "content": "hi"}]}
    assert client.post("/v1/chat/completions", json=chat).status_code == 404


def test_an_alias_may_lead_to_it_and_is_listed(tmp_path: Path) -> None:
    api = build_api(tmp_path / "home", aliases={"text-embedding-3-small": EMBEDDER})
    with api.open_client() as client:
        answer = client.post("/v1/embeddings", json={"model": "text-embedding-3-small", "input": "snow"})
        assert answer.json()["model"] == "text-embedding-3-small"
        assert {EMBEDDER, "text-embedding-3-small"} <= {row["id"] for row in client.get("/v1/models").json()["data"]}
        assert client.get("/v1/models/text-embedding-3-small").json()["id"] == "text-embedding-3-small"


def test_others_are_answered_while_many_texts_wait_for_the_engine(tmp_path: Path) -> None:
    """More requests than the server has threads for all else, such as looking up keys."""
    may_end = Event()

    def embed_slowly(texts: Sequence[str]) -> EmbeddedTexts:
        may_end.wait()
        return embed_by_hash(texts)

    api = build_api(tmp_path / "home")
    api = replace(api, services=replace(api.services, embed=embed_slowly))
    api.app.state.services = api.services
    headers = {"Authorization": f"Bearer {api.key}"}
    with api.listen() as address, ThreadPoolExecutor(THREADS_OF_ALL_ELSE) as pool:
        body = {"model": EMBEDDER, "input": "snow"}
        ask = partial(httpx2.post, f"{address}/v1/embeddings", json=body, headers=headers, timeout=300)
        asked = [pool.submit(ask) for _ in range(THREADS_OF_ALL_ELSE)]
        try:
            while api.services.embeddings.count < len(asked):
                sleep(0.01)
            other = {"Authorization": f"Bearer {api.create_key('member')}"}  # one that no server has seen yet
            assert httpx2.get(f"{address}/v1/models", headers=other, timeout=300).status_code == 200
        finally:
            may_end.set()
        assert [each.result().status_code for each in asked] == [200] * len(asked)


def test_the_name_is_that_of_the_model_that_is_fetched() -> None:
    assert MINILM.name == EMBEDDER
