"""API keys over HTTP, for admins: the same as `luthier keys` does on the server's own machine."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from luthier import pipeline
from luthier.server.auth import require_role
from luthier.server.openai.schema.body import Body
from luthier.server.services import Services, get_services
from luthier.store.keys import Key, Role

router = APIRouter(prefix="/api/keys", tags=["Keys"], dependencies=[Depends(require_role("admin"))])

Given = Annotated[Services, Depends(get_services)]


class KeyDraft(Body):
    role: Role = "member"
    """Admins may do all, members all but manage, raters only rate."""

    name: str = Field(default="", max_length=100)
    """Whom or what it is for."""


class KeyObject(BaseModel):
    object: Literal["key"] = "key"
    id: str
    name: str
    role: Role
    ending: str
    created_at: int
    revoked_at: int | None


class NewKeyObject(KeyObject):
    key: str
    """Is told this once."""


class KeyList(BaseModel):
    object: Literal["list"] = "list"
    data: list[KeyObject]


@router.post("", status_code=201)
def create_key(draft: KeyDraft, services: Given) -> NewKeyObject:
    """Works from its first moment on."""
    made = pipeline.create_key(draft.role, name=draft.name, home=services.home)
    return NewKeyObject(key=made.secret, **_describe(made.key).model_dump())


@router.get("")
def list_keys(services: Given) -> KeyList:
    """The latest first, revoked ones among them."""
    return KeyList(data=[_describe(key) for key in pipeline.list_keys(home=services.home)])


@router.delete("/{key_id}")
def revoke_key(key_id: str, services: Given) -> KeyObject:
    """Once this is answered, no server takes the key any more."""
    return _describe(pipeline.revoke_key(key_id, home=services.home))


def _describe(key: Key) -> KeyObject:
    return KeyObject(
        id=key.id,
        name=key.name,
        role=key.role,
        ending=key.ending,
        created_at=int(key.created_at.timestamp()),
        revoked_at=int(key.revoked_at.timestamp()) if key.revoked_at else None,
    )
