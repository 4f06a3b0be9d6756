"""Permissions of checkpoints through the official SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest

from luthier.models.public_names import PublicNames
from tests.support.tuned import register_tuned

if TYPE_CHECKING:
    from tests.support.api import Api

NAME = "ft:Qwen/Qwen2.5-0.5B:luthier::aaaaaaaa:ckpt-step-3"


@pytest.fixture(autouse=True)
def checkpoint(api: Api) -> None:
    register_tuned(api.home, "model")
    PublicNames(api.home).publish(NAME, "model", None)


def test_permissions_are_granted_listed_page_by_page_and_deleted(sdk: openai.OpenAI) -> None:
    permissions = sdk.fine_tuning.checkpoints.permissions
    granted = list(permissions.create(NAME, project_ids=["proj_1", "proj_2", "proj_3"]))
    assert [each.project_id for each in granted] == ["proj_1", "proj_2", "proj_3"]
    assert {each.object for each in granted} == {"checkpoint.permission"}
    assert [each.project_id for each in permissions.list(NAME, limit=2)] == ["proj_3", "proj_2", "proj_1"]
    assert [each.id for each in permissions.list(NAME, limit=1, order="ascending")] == [each.id for each in granted]
    assert [each.project_id for each in permissions.list(NAME, project_id="proj_2")] == ["proj_2"]
    deleted = permissions.delete(granted[1].id, fine_tuned_model_checkpoint=NAME)
    assert (deleted.id, deleted.deleted) == (granted[1].id, True)
    assert [each.project_id for each in permissions.list(NAME)] == ["proj_3", "proj_1"]


def test_a_page_says_where_it_begins_and_ends(sdk: openai.OpenAI) -> None:
    granted = list(sdk.fine_tuning.checkpoints.permissions.create(NAME, project_ids=["proj_1", "proj_2"]))
    page = sdk.fine_tuning.checkpoints.permissions.list(NAME)
    assert (page.has_more, page.last_id) == (False, granted[0].id)


def test_what_does_not_exist_is_not_found(sdk: openai.OpenAI) -> None:
    permissions = sdk.fine_tuning.checkpoints.permissions
    with pytest.raises(openai.NotFoundError) as caught:
        permissions.create("ft:x:luthier::aaaaaaaa", project_ids=["proj_1"])
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        permissions.delete("cp_nothing", fine_tuned_model_checkpoint=NAME)


def test_no_project_at_all_is_refused(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.fine_tuning.checkpoints.permissions.create(NAME, project_ids=[])
    assert caught.value.param == "project_ids"


def test_only_an_admin_may_look_and_change(api: Api) -> None:
    path = f"/v1/fine_tuning/checkpoints/{NAME.replace('/', '%2F')}/permissions"
    with api.open_client(api.create_key("member")) as member:
        assert member.get(path).status_code == 403
        assert member.post(path, json={"project_ids": ["proj_1"]}).status_code == 403
        assert member.delete(f"{path}/cp_1").status_code == 403
    with api.open_client() as admin:
        assert admin.get(path).json()["data"] == []
