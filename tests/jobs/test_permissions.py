"""Who may use a checkpoint, as clients ask for it, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import UnknownArtefact, UnknownModel
from luthier.jobs.permissions import grant_permissions, list_permissions, revoke_permission, start_after
from luthier.store.paging import Span
from luthier.store.published import publish_name

if TYPE_CHECKING:
    from luthier.store.database import Database

NAME = "ft:smollm2-135m:luthier::aaaaaaaa:ckpt-step-3"
OTHER = "ft:smollm2-135m:luthier::bbbbbbbb"


@pytest.fixture
def named(db: Database) -> Database:
    for name in (NAME, OTHER):
        publish_name(db, name=name, model_name="model", job_id=None)
    return db


def projects(db: Database, name: str = NAME, *, limit: int = 10, **options: str) -> list[str]:
    return [each.project_id for each in list_permissions(db, name, Span(limit), **options).items]


def test_each_checkpoint_has_its_own_permissions_the_latest_first(named: Database) -> None:
    granted = grant_permissions(named, NAME, ["proj_1", "proj_2"])
    grant_permissions(named, OTHER, ["proj_3"])
    assert [each.project_id for each in granted] == ["proj_1", "proj_2"]
    assert all(each.id.startswith("cp_") for each in granted)
    assert projects(named) == ["proj_2", "proj_1"]
    assert projects(named, OTHER) == ["proj_3"]
    assert projects(named, project_id="proj_1") == ["proj_1"]


def test_a_project_gets_one_permission_however_often_it_is_asked_for(named: Database) -> None:
    [first] = grant_permissions(named, NAME, ["proj_1", "proj_1"])
    again, second = grant_permissions(named, NAME, ["proj_1", "proj_2"])
    assert again == first
    assert projects(named) == [second.project_id, first.project_id]


def test_pages_go_on_after_a_permission_that_is_gone(named: Database) -> None:
    granted = grant_permissions(named, NAME, [f"proj_{number}" for number in range(5)])
    revoke_permission(named, NAME, granted[2].id)
    page = list_permissions(named, NAME, Span(1, start_after(granted[2].id)))
    assert [each.project_id for each in page.items] == ["proj_1"]
    assert page.has_more
    page = list_permissions(named, NAME, Span(5, start_after(granted[2].id), is_descending=False))
    assert [each.project_id for each in page.items] == ["proj_3", "proj_4"]
    assert not page.has_more


def test_a_revoked_permission_is_gone_and_no_other_checkpoints_can_be_revoked(named: Database) -> None:
    [granted] = grant_permissions(named, NAME, ["proj_1"])
    with pytest.raises(UnknownArtefact):
        revoke_permission(named, OTHER, granted.id)
    revoke_permission(named, NAME, granted.id)
    assert projects(named) == []
    with pytest.raises(UnknownArtefact):
        revoke_permission(named, NAME, granted.id)


@pytest.mark.parametrize("name", ["ft:none:luthier::cccccccc", "smollm2-135m", "nul\0"])
def test_only_tuned_models_have_permissions(named: Database, name: str) -> None:
    for call in (lambda: grant_permissions(named, name, ["proj_1"]), lambda: projects(named, name)):
        with pytest.raises(UnknownModel):
            call()


@pytest.mark.parametrize("id", ["", "cp_1", "cp_' OR 1=1", "cp_\0"])
def test_what_is_no_id_never_reaches_the_database(named: Database, id: str) -> None:
    with pytest.raises(UnknownArtefact):
        start_after(id)
    with pytest.raises(UnknownArtefact):
        revoke_permission(named, NAME, id)
