"""The migrations lead to exactly the tables that the code speaks of, and moments keep their time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import StatementError

from luthier.store.database import MIGRATIONS, known_revisions
from luthier.store.tables import CompletionRow, RunRow, Table

if TYPE_CHECKING:
    from luthier.store.database import Database


def differences(db: Database, metadata: sa.MetaData) -> list[Any]:
    with db.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def test_the_migrations_make_exactly_the_tables_of_the_code(db: Database) -> None:
    assert differences(db, Table.metadata) == []


def test_a_column_or_table_without_a_migration_is_noticed(db: Database) -> None:
    metadata = sa.MetaData()
    for table in Table.metadata.tables.values():
        table.to_metadata(metadata)
    metadata.tables["runs"].append_column(sa.Column("forgotten", sa.String))
    sa.Table("forgotten", metadata, sa.Column("id", sa.Integer, primary_key=True))
    assert [change[0] for change in differences(db, metadata)] == ["add_table", "add_column"]


def test_constraints_have_the_names_that_later_migrations_need(db: Database) -> None:
    inspector = sa.inspect(db.engine)
    for table in Table.metadata.tables.values():
        assert inspector.get_pk_constraint(table.name)["name"] == f"pk_{table.name}"
        names = {key["name"] for key in inspector.get_foreign_keys(table.name)}
        assert names == {constraint.name for constraint in table.foreign_key_constraints}


def test_the_revisions_are_one_line_that_ends_where_the_file_names_say() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert revisions[::-1] == known_revisions()


def run_at(moment: datetime) -> RunRow:
    return RunRow(id="run-1", name="", base="", status="", config={}, dataset_fingerprint="", created_at=moment)


def test_a_moment_comes_back_the_same_and_in_utc(db: Database) -> None:
    moment = datetime(2026, 3, 1, 1, 2, 3, 456789, timezone(timedelta(hours=5, minutes=30)))
    with db.session() as session:
        session.add(run_at(moment))
    with db.reading() as session:
        created_at = session.scalars(sa.select(RunRow.created_at)).one()
    assert created_at == moment
    assert created_at.tzinfo is UTC


def test_a_moment_without_time_zone_is_refused(db: Database) -> None:
    with pytest.raises(StatementError, match="has no time zone"), db.session() as session:  # noqa: PT012
        session.add(run_at(datetime(2026, 3, 1)))
        session.flush()


def test_a_value_that_is_not_there_is_null_for_the_database_too(db: Database) -> None:
    with db.session() as session:
        session.add(CompletionRow(id="c", created_at=db.clock(), model="m", metadata_=None, request={}, response={}))
    with db.reading() as session:
        assert session.scalars(sa.select(CompletionRow.id).where(CompletionRow.metadata_.is_(None))).all() == ["c"]
