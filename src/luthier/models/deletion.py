"""A tuned model is deleted for good: its weights, the checkpoints they came from, and every name it had."""

from __future__ import annotations

import re
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from luthier.errors import InvalidRequest, WrongState
from luthier.models.public_names import PublicNames
from luthier.store.catalog import get_model, list_models
from luthier.store.files import translate_disk_errors
from luthier.store.locks import is_locked, locked
from luthier.store.published import find_jobs_that_need, forget_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from luthier.store.catalog import ModelRecord
    from luthier.store.home import Home

LEFTOVER = re.compile(r"\.(?P<model>.+)\.[0-9a-f]{16}\.deleted")
WEIGHTS = "*.safetensors"


def delete_public_model(home: Home, name: str) -> None:
    """By any of the names that the API knows it by. Raises as `delete_model`, and InvalidRequest for what is no model
    of its own: a base or an alias.
    """
    found = PublicNames(home).resolve_any(name)
    if not found.is_tuned:
        hint = "only models that were tuned here can be deleted"
        raise InvalidRequest(f"{name} is a base model, or an alias in the settings", hint=hint)
    delete_model(home, found.model)


def delete_model(home: Home, name: str) -> None:
    """Engines of any process stop serving it; what was measured and kept about it stays, as does its place in lineages.

    Raises UnknownModel, or WrongState for one that others still need. A kill in between leaves what another call
    finishes.
    """
    with locked(home.models):
        record = get_model(home.database, name)
        _require_unneeded(home, record)
        with _set_aside(home.models / name):
            forget_model(home.database, name)
    if record.run_id is not None:
        _delete_checkpoints(home, record.run_id)
    _clear_leftovers(home)


def _require_unneeded(home: Home, model: ModelRecord) -> None:
    children = [record.name for record in list_models(home.database) if record.base == model.name]
    if children:
        raise WrongState(f"{model.name} is the base of {', '.join(children)}", hint="delete those first")
    jobs = find_jobs_that_need(home.database, model.name, run_id=model.run_id)
    if jobs:
        raise WrongState(f"{model.name} is needed by {', '.join(jobs)}", hint="cancel the job, or wait until it ends")


@contextmanager
def _set_aside(folder: Path) -> Iterator[None]:
    """The folder is out of everybody's sight at once; it comes back when the block fails."""
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.deleted")
    with translate_disk_errors(folder):
        is_there = folder.is_dir()
        if is_there:
            folder.rename(aside)
        try:
            yield
        except BaseException:
            if is_there:
                aside.rename(folder)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _delete_checkpoints(home: Home, run: str) -> None:
    """Folders with weights; a run's files, which say how it went, stay. Not while it is at work or others are of it."""
    is_needed = any(record.run_id == run for record in list_models(home.database))
    if is_needed or is_locked(home.lock_of(run)):
        return
    for entry in (home.runs / run).glob("*/"):
        if any(entry.rglob(WEIGHTS)):
            shutil.rmtree(entry, ignore_errors=True)


def _clear_leftovers(home: Home) -> None:
    """What a kill has left behind; a folder of a model that is still registered is somebody's who works on it now."""
    registered = {record.name for record in list_models(home.database)}
    for entry in home.models.iterdir():
        found = LEFTOVER.fullmatch(entry.name)
        if found and found["model"] not in registered:
            shutil.rmtree(entry, ignore_errors=True)
