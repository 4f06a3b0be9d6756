"""Opening, sharing, damaging and outgrowing a database."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from luthier.errors import DatabaseUnavailable, DiskFull, InvalidConfig, MachineError, StoreDamaged
from luthier.settings import Settings
from luthier.store.catalog import find_artefact, list_models, list_runs, parents_of
from luthier.store.database import MIGRATIONS, known_revisions, open_database
from luthier.store.locks import locked
from luthier.store.published import list_published
from luthier.store.tables import KeyRow, ModelRow, Table

if TYPE_CHECKING:
    from luthier.store.database import Database
    from tests.store.conftest import RunPython


ROWS_OF_THE_FIRST_RELEASE = (
    "INSERT INTO artefacts VALUES ('a1', 'dataset', 'my-data', '{}', '2026-01-01 10:00:00.000000')",
    "INSERT INTO artefacts VALUES ('b2', 'model', 'my-model', '{}', '2026-01-01 11:00:00.000000')",
    "INSERT INTO artefact_parents VALUES ('b2', 'a1')",
    "INSERT INTO runs VALUES ('run-1', 'my-model', 'tiny', 'finished', '{\"epochs\": 3}', 'a1', 'my-model', NULL, "
    "'2026-01-01 10:30:00.000000', '2026-01-01 11:00:00.000000')",
    "INSERT INTO models VALUES ('my-model', 'tiny', 'run-1', 'w', '{\"alpha\": 16}', '2026-01-01 11:00:00.000000')",
)


def model(name: str, db: Database, run_id: str | None = None) -> ModelRow:
    return ModelRow(name=name, base="b", run_id=run_id, weights_hash="w", card={}, created_at=db.clock())


def names(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(text("SELECT name FROM models ORDER BY name")))


def test_a_new_home_gets_a_database_with_all_tables(settings: Settings, db: Database) -> None:
    with sqlite3.connect(settings.home_path / "luthier.db") as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {*Table.metadata.tables, "alembic_version"}
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(known_revisions()[-1],)]


def test_what_was_written_is_there_when_opened_again(settings: Settings, db: Database) -> None:
    with db.session() as session:
        session.add(model("a", db))
    db.close()
    again = open_database(settings)
    assert names(again) == ["a"]
    again.close()


def test_opening_an_up_to_date_database_does_not_import_alembic(
    settings: Settings, db: Database, run_python: RunPython
) -> None:
    code = """
import sys
from pathlib import Path
from luthier.settings import Settings
from luthier.store.database import open_database
open_database(Settings(home=Path(sys.argv[1])))
print("alembic" in sys.modules)
"""
    assert run_python(code, settings.home_path).stdout == "False\n"
    assert run_python(code, settings.home_path / "new").stdout == "True\n"


def test_the_rooms_of_the_store_that_help_needs_do_not_import_sqlalchemy(run_python: RunPython) -> None:
    code = "import sys, luthier.store, luthier.store.home; print('sqlalchemy' in sys.modules)"
    assert run_python(code).stdout == "False\n"


def test_a_session_that_fails_leaves_nothing(db: Database) -> None:
    with pytest.raises(KeyboardInterrupt), db.session() as session:  # noqa: PT012
        session.add(model("a", db))
        session.flush()
        raise KeyboardInterrupt
    assert names(db) == []


def test_a_reference_to_nothing_is_refused(db: Database) -> None:
    with pytest.raises(IntegrityError), db.session() as session:
        session.add(model("a", db, run_id="run-none"))


def test_a_reader_neither_waits_for_a_writer_nor_sees_its_half_work(db: Database) -> None:
    with db.session() as session:
        session.add(model("a", db))
        session.flush()
        assert names(db) == []
    assert names(db) == ["a"]


def test_sessions_that_read_before_they_write_take_turns(db: Database) -> None:
    with db.session() as session:
        session.add(model("counter", db))

    def count() -> None:
        for _ in range(25):
            with db.session() as session:
                row = session.get_one(ModelRow, "counter")
                row.card = {"count": row.card.get("count", 0) + 1}

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.reading() as session:
        assert session.get_one(ModelRow, "counter").card == {"count": 100}


def test_many_processes_may_open_a_new_home_at_once(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from luthier.settings import Settings
from luthier.store.database import open_database
print("ready", flush=True)
sys.stdin.readline()
for home in range(5):
    open_database(Settings(home=Path(sys.argv[1]) / str(home))).close()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert errors == [""] * 4
    assert [process.returncode for process in processes] == [0] * 4


def test_opening_waits_for_whoever_is_opening_already(settings: Settings) -> None:
    # Without the lock, opening a new home fails with "database is locked", but only once in a while.
    path = settings.home_path / "luthier.db"
    path.parent.mkdir()
    opener = threading.Thread(target=lambda: open_database(settings).close())
    with locked(path.with_name("luthier.db.lock")):
        opener.start()
        opener.join(timeout=0.2)
        assert not path.exists()
    opener.join(timeout=300)
    assert path.exists()


def test_a_database_of_a_newer_luthier_is_left_alone(settings: Settings, db: Database) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreDamaged, match=r"luthier\.db: its tables are of revision 9999") as caught:
        open_database(settings)
    assert "upgrade luthier" in caught.value.hint


def test_a_home_of_the_first_release_keeps_what_it_holds(settings: Settings) -> None:
    settings.home_path.mkdir()
    url = f"sqlite:///{settings.home_path / 'luthier.db'}"
    first = create_engine(url)
    with first.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0001")
        for line in ROWS_OF_THE_FIRST_RELEASE:
            connection.execute(text(line))
    first.dispose()
    db = open_database(settings)
    assert [record.card for record in list_models(db)] == [{"alpha": 16}]
    assert [record.config for record in list_runs(db)] == [{"epochs": 3}]
    child = find_artefact(db, "my-model")
    assert [parent.name for parent in parents_of(db, child.fingerprint)] == ["my-data"]
    assert [each.model_name for each in list_published(db)] == ["my-model"]
    with db.session() as session:  # the new tables can be written to
        session.add(KeyRow(id="key_1", name="", role="admin", digest="d", ending="e", created_at=db.clock()))
        assert session.scalars(text("SELECT version_num FROM alembic_version")).all() == [known_revisions()[-1]]
    db.close()


def test_an_error_of_the_database_does_not_tell_what_it_was_given(db: Database) -> None:
    with pytest.raises(IntegrityError) as caught, db.session() as session:
        session.add_all([model("my diary", db), model("my diary", db)])
    assert "INSERT INTO models" in str(caught.value)
    assert "diary" not in str(caught.value)


def test_a_migration_that_fails_leaves_no_half_of_it(settings: Settings) -> None:
    settings.home_path.mkdir()
    with sqlite3.connect(settings.home_path / "luthier.db") as connection:
        connection.execute("CREATE TABLE models (name TEXT)")  # the last table that the migration makes
    with pytest.raises(OperationalError, match="table models already exists"):
        open_database(settings)
    with sqlite3.connect(settings.home_path / "luthier.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("models",)]


@pytest.mark.parametrize("content", [b"this is not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_named(settings: Settings, content: bytes) -> None:
    settings.home_path.mkdir()
    path = settings.home_path / "luthier.db"
    path.write_bytes(content)
    with pytest.raises(StoreDamaged, match=f"{path}: file is not a database"):
        open_database(settings)
    assert path.read_bytes() == content


def test_a_database_that_is_damaged_later_is_named(settings: Settings, db: Database) -> None:
    with db.session() as session:
        session.add_all(model(f"{number:05}" * 50, db) for number in range(300))
    db.close()
    path = settings.home_path / "luthier.db"
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    with pytest.raises(StoreDamaged, match=r"luthier\.db: database disk image is malformed"):
        names(db)


def test_a_full_disk_is_said_and_leaves_the_database_usable(
    settings: Settings, db: Database, run_python: RunPython
) -> None:
    code = """
import resource, sys
from pathlib import Path
from luthier.errors import DiskFull
from luthier.settings import Settings
from luthier.store.catalog import keep_artefact
from luthier.store.database import open_database
db = open_database(Settings(home=Path(sys.argv[1])))
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
try:
    keep_artefact(db, kind="k", name="n", manifest={"x": "y" * 300_000}, parents=())
except DiskFull as error:
    print(error.message, "|", error.hint)
"""
    done = run_python(code, settings.home_path)
    assert f"{settings.home_path / 'luthier.db'}: no room" in done.stdout, done.stderr
    assert "LUTHIER_HOME" in done.stdout
    with db.session() as session:
        session.add(model("a", db))
    assert names(db) == ["a"]


def test_a_database_that_somebody_holds_too_long_is_said(settings: Settings, db: Database) -> None:
    holder = open_database(settings)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")  # for the one connection that is used below
    with holder.session() as session:
        session.add(model("a", holder))
        session.flush()
        with pytest.raises(DatabaseUnavailable, match=r"luthier\.db: database is locked"), db.session() as other:
            other.execute(text("SELECT 1"))
        assert names(db) == []
    assert names(db) == ["a"]
    holder.close()


def test_more_users_than_connections_are_told_to_come_again(db: Database) -> None:
    few = replace(db, engine=create_engine(db.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.01))
    with few.reading() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(DatabaseUnavailable, match="every connection is in use"):
            names(few)
    assert names(few) == []
    few.close()


def test_what_was_acknowledged_is_on_the_disk(db: Database) -> None:
    with db.reading() as session:
        assert session.scalar(text("PRAGMA synchronous")) == 2  # FULL


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_of_somebody_else_is_named() -> None:
    with pytest.raises(MachineError, match=r"^/luthier-test: cannot write here") as caught:
        open_database(Settings(home=Path("/luthier-test")))
    assert not isinstance(caught.value, DiskFull)


@pytest.mark.parametrize("address", ["nonsense", "nosuch://x", "nosuch+driver://x/y"])
def test_an_address_that_cannot_be_used_is_refused(settings: Settings, address: str) -> None:
    with pytest.raises(InvalidConfig, match="database_url cannot be used") as caught:
        open_database(settings.model_copy(update={"database_url": address}))
    assert "sqlite:////" in caught.value.hint


@pytest.mark.parametrize("kind", ["postgres", "postgresql"])
def test_a_postgresql_address_may_leave_the_driver_out(settings: Settings, kind: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="postgresql\\+psycopg://"):
        open_database(settings.model_copy(update={"database_url": f"{kind}://user@127.0.0.1:1/luthier"}))


def test_a_password_is_never_in_the_name_of_the_place(settings: Settings) -> None:
    with pytest.raises(InvalidConfig) as caught:
        open_database(settings.model_copy(update={"database_url": "nosuch://me:hunter2@host/x"}))
    assert "hunter2" not in caught.value.message


def test_a_database_that_is_up_to_date_opens_beside_a_writer_that_never_ends(settings: Settings, db: Database) -> None:
    with db.session():
        beside = open_database(settings)
        with beside.reading() as session:
            assert session.query(ModelRow).count() == 0
        beside.close()
