"""Routes under /v1/fine_tuning/checkpoints: which projects may use a checkpoint."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from luthier.jobs import permissions
from luthier.server.auth import require_role
from luthier.server.openai.job_objects import describe_permission
from luthier.server.openai.schema.body import Text
from luthier.server.openai.schema.fine_tuning import PermissionRequest
from luthier.server.openai.schema.fine_tuning_objects import CheckpointPermission, DeletedPermission
from luthier.server.openai.schema.page import After, CursorListing, Limit
from luthier.server.services import Services, get_services
from luthier.store.paging import Span

Given = Annotated[Services, Depends(get_services)]

router = APIRouter(
    prefix="/v1/fine_tuning/checkpoints/{checkpoint:path}/permissions",
    tags=["fine_tuning"],
    dependencies=[Depends(require_role("admin"))],
)


@router.get("")
def list_permissions(
    checkpoint: str,
    services: Given,
    project_id: Annotated[Text | None, Query()] = None,
    after: After = None,
    limit: Limit = 10,
    order: Literal["ascending", "descending"] = "descending",
) -> CursorListing[CheckpointPermission]:
    """In the order in which they were granted."""
    span = Span(limit, permissions.start_after(after), is_descending=order == "descending")
    page = permissions.list_permissions(services.home.database, checkpoint, span, project_id=project_id)
    return CursorListing.of([describe_permission(permission) for permission in page.items], page.has_more)


@router.post("")
def create_permissions(
    checkpoint: str, body: PermissionRequest, services: Given
) -> CursorListing[CheckpointPermission]:
    granted = permissions.grant_permissions(services.home.database, checkpoint, body.project_ids)
    return CursorListing.of([describe_permission(permission) for permission in granted], has_more=False)


@router.delete("/{permission_id}")
def delete_permission(checkpoint: str, permission_id: str, services: Given) -> DeletedPermission:
    permissions.revoke_permission(services.home.database, checkpoint, permission_id)
    return DeletedPermission(id=permission_id)
