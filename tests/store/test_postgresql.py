"""The same database on PostgreSQL: made by several at once, lost, restarted, and never blocked for ever."""

from __future__ import annotations

import secrets
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from luthier.errors import DatabaseUnavailable, StoreDamaged
from luthier.settings import Settings
from luthier.store.catalog import keep_artefact, list_artefacts, list_runs, register_model, start_run
from luthier.store.database import hold_name, known_revisions, open_database
from luthier.store.tables import ModelRow, Table
from tests.store.test_tables import differences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from luthier.store.database import Database
    from tests.support.postgresql import PostgresqlServer


@pytest.fixture
def settings(postgresql: PostgresqlServer, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", database_url=postgresql.create_database(f"test_{secrets.token_hex(4)}"))


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    database = open_database(settings)
    yield database
    database.close()


def test_the_migrations_make_exactly_the_tables_of_the_code(db: Database) -> None:
    assert differences(db, Table.metadata) == []


def test_many_may_open_a_new_database_at_once(settings: Settings) -> None:
    gate = threading.Barrier(4)
    failures: list[Exception] = []

    def open_it() -> None:
        gate.wait()
        try:
            open_database(settings).close()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_what_the_catalog_keeps_it_finds_again(db: Database) -> None:
    fingerprint = keep_artefact(db, kind="dataset", name="orders", manifest={"rows": 3})
    run = start_run(db, id="run-1", name="r", base="b", config={"a": None}, dataset_fingerprint=fingerprint)
    model = register_model(db, name="m", base="b", run_id=run.id, weights_hash="w", card={})
    assert [artefact.fingerprint for artefact in list_artefacts(db, "dataset")] == [fingerprint]
    assert list_runs(db) == [run]
    assert model.created_at.utcoffset() is not None


def test_a_server_that_is_gone_is_said_and_needs_no_restart_of_ours(
    db: Database, settings: Settings, postgresql: PostgresqlServer
) -> None:
    add_model(db, "before")
    for how in (signal.SIGINT, signal.SIGQUIT):
        postgresql.stop(how=how)
        for ask in (lambda: names(db), lambda: add_model(db, "lost"), lambda: open_database(settings)):
            with pytest.raises(DatabaseUnavailable) as caught:
                ask()
            assert "luthier-pg-" in caught.value.message
            assert "runs and can be reached" in caught.value.hint
        postgresql.start()
        assert names(db) == ["before"]
    add_model(db, "after")
    assert names(db) == ["after", "before"]


def test_a_restart_between_two_uses_is_not_noticed(db: Database, postgresql: PostgresqlServer) -> None:
    add_model(db, "before")
    postgresql.stop()
    postgresql.start()
    assert names(db) == ["before"]


def test_a_connection_that_ends_within_a_transaction_keeps_nothing_of_it(db: Database) -> None:
    with pytest.raises(DatabaseUnavailable), db.session() as session:  # noqa: PT012
        session.add(model("half", db))
        session.flush()
        with db.engine.connect() as other:
            # As an administrator does, or a server that is shut down.
            mine = session.scalar(text("SELECT pg_backend_pid()"))
            other.execute(text(f"SELECT pg_terminate_backend({mine})"))
        session.flush()
        session.execute(text("SELECT 1"))
    assert names(db) == []


def test_a_wrong_statement_is_no_lost_database(db: Database) -> None:
    with pytest.raises(ProgrammingError), db.reading() as session:
        session.execute(text("SELECT nothing FROM nowhere"))
    with pytest.raises(IntegrityError), db.session() as session:
        session.add(ModelRow(name="a", base="b", run_id="none", weights_hash="w", card={}, created_at=db.clock()))


def test_a_transaction_that_is_left_open_is_ended_by_the_server(db: Database) -> None:
    with db.reading() as session:
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "30s"
        assert session.scalar(text("SHOW lock_timeout")) == "30s"


def test_a_name_is_held_by_one_transaction_at_a_time(db: Database) -> None:
    order: list[str] = []
    is_held = threading.Event()

    def wait_for_it() -> None:
        is_held.wait()
        with db.session() as session:
            hold_name(session, "name")
            order.append("second")

    thread = threading.Thread(target=wait_for_it)
    thread.start()
    with db.session() as session:
        hold_name(session, "name")
        is_held.set()
        with db.session() as other:
            hold_name(other, "another name")
        thread.join(timeout=0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_database_of_a_newer_luthier_is_left_alone(settings: Settings, db: Database) -> None:
    with db.engine.begin() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == known_revisions()[-1]
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreDamaged, match="its tables are of revision 9999"):
        open_database(settings)


def test_a_server_that_nobody_can_reach_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://me:hunter2@/x?host={tmp_path}"
    with pytest.raises(DatabaseUnavailable) as caught:
        open_database(Settings(home=tmp_path, database_url=url))
    assert "hunter2" not in caught.value.message


def model(name: str, db: Database) -> ModelRow:
    return ModelRow(name=name, base="b", run_id=None, weights_hash="w", card={}, created_at=db.clock())


def add_model(db: Database, name: str) -> None:
    with db.session() as session:
        session.add(model(name, db))


def names(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(text("SELECT name FROM models ORDER BY name")))
