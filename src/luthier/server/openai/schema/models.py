"""What clients get to see of models."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    shutdown_date: None = None


class ModelList(BaseModel):
    """All at once, as OpenAI does it."""

    object: Literal["list"] = "list"
    data: list[Model]


class DeletedModel(BaseModel):
    id: str
    object: Literal["model"] = "model"
    deleted: Literal[True] = True
