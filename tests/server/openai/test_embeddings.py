from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import openai
import pytest

from luthier.models.embedding import MINILM
from luthier.models.public_names import EMBEDDER
from tests.support.api import build_api, embed_by_hash

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.support.api import Api

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


def test_the_name_is_that_of_the_model_that_is_fetched() -> None:
    assert MINILM.name == EMBEDDER
