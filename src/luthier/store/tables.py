"""The tables of the database, as typed rows; a change here needs a migration beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, DateTime, ForeignKey, MetaData, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with its time zone, which SQLite by itself would forget. Refuses one without."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON}  # noqa: RUF012 - SQLAlchemy's own name


class ArtefactRow(Table):
    __tablename__ = "artefacts"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(index=True)
    manifest: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ArtefactParentRow(Table):
    __tablename__ = "artefact_parents"

    child: Mapped[str] = mapped_column(ForeignKey("artefacts.fingerprint"), primary_key=True)
    parent: Mapped[str] = mapped_column(ForeignKey("artefacts.fingerprint"), primary_key=True, index=True)


class RunRow(Table):
    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    base: Mapped[str]
    status: Mapped[str]
    config: Mapped[dict[str, Any]]
    dataset_fingerprint: Mapped[str]
    model_name: Mapped[str | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ModelRow(Table):
    __tablename__ = "models"

    name: Mapped[str] = mapped_column(primary_key=True)
    base: Mapped[str]
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"))
    weights_hash: Mapped[str]
    card: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
