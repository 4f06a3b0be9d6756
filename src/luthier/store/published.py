"""Names that the API gives to tuned models are kept, found, and taken back together with the model they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, select

from luthier.errors import NameTaken, UnknownModel
from luthier.store.tables import CheckpointPermissionRow, JobRow, ModelRow, PublishedModelRow

if TYPE_CHECKING:
    from datetime import datetime

    from luthier.store.database import Database


class Published(NamedTuple):
    """`model_name` is the registered model's own; both names are the same for one that no job has made."""

    name: str
    model_name: str
    created_at: datetime


def publish_name(db: Database, *, name: str, model_name: str, job_id: str | None) -> None:
    """A repeat changes nothing, so that a job that was killed can go on. Raises NameTaken for another model's name."""
    with db.session() as session:
        row = session.get(PublishedModelRow, name)
        if row is None:
            row = PublishedModelRow(name=name, model_name=model_name, job_id=job_id, created_at=db.clock())
            session.add(row)
        elif (row.model_name, row.job_id) != (model_name, job_id):
            raise NameTaken(f"the name {name} stands for another model", hint="publish the model under another name")


def withdraw_name(db: Database, name: str) -> None:
    """The model stays. A name that nobody knows is as good as withdrawn."""
    with db.session() as session:
        session.execute(delete(PublishedModelRow).where(PublishedModelRow.name == name))


def find_published(db: Database, name: str) -> Published | None:
    """By the name that was given for the API, or else by a registered model's own."""
    with db.reading() as session:
        given = session.get(PublishedModelRow, name)
        if given is not None:
            return Published(name, given.model_name, given.created_at)
        own = session.get(ModelRow, name)
        return Published(name, name, own.created_at) if own is not None else None


def list_published(db: Database) -> list[Published]:
    """The latest first; a model's own name only where it has no other."""
    with db.reading() as session:
        given = [
            Published(row.name, row.model_name, row.created_at) for row in session.scalars(select(PublishedModelRow))
        ]
        known = {published.model_name for published in given}
        own = [
            Published(row.name, row.name, row.created_at)
            for row in session.scalars(select(ModelRow))
            if row.name not in known
        ]
    return sorted([*given, *own], key=lambda published: (published.created_at, published.name), reverse=True)


def list_served_bases(db: Database) -> set[str]:
    """The bases of all registered models."""
    with db.reading() as session:
        return set(session.scalars(select(ModelRow.base).distinct()))


def find_jobs_that_need(db: Database, model_name: str, *, run_id: str | None) -> list[str]:
    """Ids of the jobs that have not ended and start from that model, or have still to finish the run it came from."""
    is_theirs = (JobRow.base_model == model_name) | ((JobRow.run_id == run_id) & JobRow.run_id.is_not(None))
    needing = select(JobRow.id).where(is_theirs, JobRow.finished_at.is_(None))
    with db.reading() as session:
        return list(session.scalars(needing.order_by(JobRow.id)))


def forget_model(db: Database, model_name: str) -> None:
    """Removes a registered model with all its names and their permissions. Raises UnknownModel."""
    names = select(PublishedModelRow.name).where(PublishedModelRow.model_name == model_name)
    with db.session() as session:
        row = session.get(ModelRow, model_name)
        if row is None:
            raise UnknownModel(f"no model is named {model_name!r}", hint="it may have been deleted already")
        session.execute(delete(CheckpointPermissionRow).where(CheckpointPermissionRow.public_name.in_(names)))
        session.execute(delete(PublishedModelRow).where(PublishedModelRow.model_name == model_name))
        session.delete(row)
