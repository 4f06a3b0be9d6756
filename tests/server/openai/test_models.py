"""Models through the official SDK and over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest

from luthier.models.public_names import PublicNames
from tests.support.api import build_api
from tests.support.tuned import register_tuned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.api import Api

TUNED = "ft:gpt-4o-mini-2024-07-18:acme:sfx:aaaaaaaa"
CHECKPOINT = "ft:gpt-4o-mini-2024-07-18:acme:sfx:bbbbbbbb:ckpt-step-3"
ALIASES = {"gpt-4o-mini-2024-07-18": "smollm2-135m", "Qwen/Qwen2.5-0.5B": "smollm2-135m"}

NOT_TUNED = (*ALIASES, "gpt-4o-mini", "smollm2-135m", "all-minilm-l6-v2")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    api = build_api(tmp_path / "home", aliases=ALIASES, organization="acme")
    names = PublicNames(api.home)
    for public, own in ((TUNED, "final"), (CHECKPOINT, "earlier")):
        register_tuned(api.home, own, run="run-1")
        names.publish(public, own, None)
    yield api
    api.home.database.close()


def test_all_names_are_listed_at_once(sdk: openai.OpenAI) -> None:
    models = list(sdk.models.list())
    assert {model.id for model in models} == {TUNED, CHECKPOINT, *NOT_TUNED}
    owners = {model.id: model.owned_by for model in models}
    assert (owners[TUNED], owners["gpt-4o-mini"]) == ("acme", "system")


def test_a_model_is_retrieved_by_the_name_that_was_asked_for(sdk: openai.OpenAI) -> None:
    """The slash arrives as %2F and is a slash to the route."""
    for name in (TUNED, CHECKPOINT, *NOT_TUNED):
        assert sdk.models.retrieve(name).id == name


def test_an_unknown_model_is_answered_as_openai_does(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.models.retrieve("gpt-5")
    assert caught.value.code == "model_not_found"
    assert "The model `gpt-5` does not exist or you do not have access to it." in str(caught.value)


def test_a_deleted_model_is_gone_under_all_its_names(sdk: openai.OpenAI, api: Api) -> None:
    deleted = sdk.models.delete(TUNED)
    assert (deleted.id, deleted.deleted, deleted.object) == (TUNED, True, "model")
    assert not (api.home.models / "final").exists()
    assert TUNED not in {model.id for model in sdk.models.list()}
    for name in (TUNED, "final"):
        with pytest.raises(openai.NotFoundError):
            sdk.models.retrieve(name)
    assert sdk.models.retrieve(CHECKPOINT).id == CHECKPOINT


def test_what_was_not_tuned_here_cannot_be_deleted(sdk: openai.OpenAI) -> None:
    for name in NOT_TUNED:
        with pytest.raises(openai.BadRequestError) as caught:
            sdk.models.delete(name)
        assert caught.value.param == "model"
        assert sdk.models.retrieve(name).id == name


def test_only_an_admin_deletes_and_a_rater_sees_nothing(api: Api) -> None:
    with api.open_client(api.create_key("member")) as member:
        assert member.get(f"/v1/models/{TUNED}").status_code == 200
        assert member.delete(f"/v1/models/{TUNED}").status_code == 403
    with api.open_client(api.create_key("rater")) as rater:
        assert rater.get("/v1/models").status_code == 403
    with api.open_client("") as nobody:
        assert nobody.get("/v1/models").status_code == 401
    assert (api.home.models / "final").is_dir()
