from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.support.openai_events import read_events

if TYPE_CHECKING:
    from starlette.testclient import TestClient

MODEL = "smollm2-135m"
HI: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "hi"}]}]


def ask(sdk: openai.OpenAI, **options: Any) -> str:
    return str(sdk.chat.completions.create(model=MODEL, messages=HI, **options).id)


def test_only_what_is_to_be_stored_is_kept(sdk: openai.OpenAI) -> None:
    kept, lost = ask(sdk, store=True, temperature=0.5), ask(sdk)
    assert [completion.id for completion in sdk.chat.completions.list()] == [kept]
    found = sdk.chat.completions.retrieve(kept)
    assert found.choices[0].message.content == "You said: hi"
    assert found.to_dict()["temperature"] == 0.5
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.retrieve(lost)


def test_a_stream_is_kept_as_it_was_told(client: TestClient) -> None:
    body = {"model": MODEL, "messages": HI, "stream": True, "store": True, "n": 2, "metadata": {"run": "1"}}
    chunks = read_events(client.post("/v1/chat/completions", json=body))
    kept = client.get(f"/v1/chat/completions/{chunks[0]['id']}").json()
    assert [choice["message"]["content"] for choice in kept["choices"]] == ["You said: hi"] * 2
    assert kept["metadata"] == {"run": "1"}
    assert kept["created"] == chunks[0]["created"]


def test_stored_ones_are_found_by_model_and_metadata_the_earliest_first(sdk: openai.OpenAI) -> None:
    ids = [ask(sdk, store=True, metadata={"number": str(number), "even": str(number % 2 == 0)}) for number in range(5)]
    assert [found.id for found in sdk.chat.completions.list(limit=2)] == ids
    assert [found.id for found in sdk.chat.completions.list(limit=2, order="desc")] == ids[::-1]
    assert [found.id for found in sdk.chat.completions.list(metadata={"even": "True"})] == ids[::2]
    both = {"even": "True", "number": "2"}
    assert [found.id for found in sdk.chat.completions.list(metadata=both, model=MODEL)] == [ids[2]]
    assert list(sdk.chat.completions.list(model="another")) == []


def test_a_list_goes_on_behind_one_that_was_deleted_meanwhile(sdk: openai.OpenAI) -> None:
    ids = [ask(sdk, store=True) for _ in range(3)]
    assert sdk.chat.completions.delete(ids[0]).deleted
    assert [found.id for found in sdk.chat.completions.list(after=ids[0])] == ids[1:]
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.delete(ids[0])


def test_metadata_is_replaced_as_a_whole(sdk: openai.OpenAI) -> None:
    kept = ask(sdk, store=True, metadata={"a": "1", "b": "2"})
    assert sdk.chat.completions.update(kept, metadata={"c": "3"}).metadata == {"c": "3"}
    assert sdk.chat.completions.update(kept, metadata=None).metadata == {}
    assert sdk.chat.completions.retrieve(kept).metadata == {}


def test_the_messages_of_a_stored_chat_are_listed_in_pages(client: TestClient) -> None:
    body = {"model": MODEL, "messages": HI, "store": True}
    kept = client.post("/v1/chat/completions", json=body).json()["id"]
    path = f"/v1/chat/completions/{kept}/messages"
    first = client.get(path, params={"limit": 1}).json()
    assert (first["has_more"], first["data"][0]["role"], first["data"][0]["content"]) == (True, "system", "Be brief.")
    rest = client.get(path, params={"after": first["last_id"]}).json()
    assert (rest["has_more"], rest["data"][0]["content"]) == (False, "hi")
    assert rest["data"][0]["content_parts"] == [{"type": "text", "text": "hi"}]
    assert [row["role"] for row in client.get(path, params={"order": "desc"}).json()["data"]] == ["user", "system"]
    assert client.get(path, params={"after": "nothing"}).status_code == 404


@pytest.mark.parametrize("id", ["chatcmpl-1", "../../etc/passwd", "%00", "chatcmpl-" + "0" * 24])
def test_an_id_that_nothing_has_is_not_found(client: TestClient, id: str) -> None:
    assert client.get(f"/v1/chat/completions/{id}").status_code in (400, 404)
