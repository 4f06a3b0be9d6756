"""Settings become an open database with today's tables, in which every use is one transaction."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from luthier.errors import DiskFull, InvalidConfig, MachineError, StoreDamaged
from luthier.store.files import DISK_FULL_HINT, NOT_WRITABLE_HINT, translate_disk_errors
from luthier.store.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from luthier.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_SECONDS = 30  # a writer holds the lock for milliseconds; this covers a machine under heavy load


@dataclass(frozen=True, slots=True)
class Database:
    """`place` is a file, or an address without its password; `clock` answers with aware times."""

    engine: Engine
    place: str
    clock: Callable[[], datetime]

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction that may write: all is kept when the block ends well, and nothing when it fails."""
        with self._transaction(self.engine.execution_options(begin="BEGIN IMMEDIATE")) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction that only reads; on SQLite it neither waits for a writer nor holds one up."""
        with self._transaction(self.engine) as session:
            yield session

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Session]:
        with (
            _translate_errors(self.place),
            Session(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session


def utc_now() -> datetime:
    return datetime.now(UTC)


def open_database(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> Database:
    """Creates the database or brings it up to date, alone, however many processes open it at once.

    Raises InvalidConfig for an address that cannot be used, StoreDamaged for a file that is no database or
    comes from a newer Luthier, and MachineError where it cannot be written.
    """
    url = _parse_url(settings.resolved_database_url)
    place = _place(url)
    with _translate_errors(place), _alone(url):
        engine = _connect(url)
        with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
            _migrate(connection, place)
    return Database(engine, place, clock)


def known_revisions() -> list[str]:
    """Read from the file names, so that opening a database that is up to date need not import Alembic."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _parse_url(address: str) -> URL:
    try:
        url = make_url(address)
        url.get_dialect().import_dbapi()
    except (ArgumentError, ImportError) as error:
        hint = "such as sqlite:////data/luthier.db, or postgresql+psycopg://host/name with psycopg installed"
        raise InvalidConfig(f"database_url cannot be used: {error}", hint=hint) from error
    return url


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _place(url: URL) -> str:
    return str(url.database) if _is_sqlite(url) else url.render_as_string(hide_password=True)


@contextmanager
def _alone(url: URL) -> Iterator[None]:
    """Switching a new SQLite file to WAL fails, rather than waits, while another process is at it."""
    if not (_is_sqlite(url) and url.database):
        yield
        return
    path = Path(url.database)
    with translate_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(path.name + ".lock")):
            yield


def _connect(url: URL) -> Engine:
    if not _is_sqlite(url):
        return create_engine(url)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # Python's driver begins a transaction by itself only at the first INSERT or the like: too late for a read
    # that a write depends on, and never for CREATE TABLE, so that half a migration would stay.
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _migrate(connection: Connection, place: str) -> None:
    known = known_revisions()
    revision = _revision(connection)
    if revision == known[-1]:
        return
    if revision is not None and revision not in known:
        raise StoreDamaged(
            f"{place}: its tables are of revision {revision}, and this luthier knows none after {known[-1]}",
            hint="a newer luthier wrote it: upgrade luthier",
        )
    # Imported here because it takes half a second and only a new or outdated database needs it.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


@contextmanager
def _translate_errors(place: str) -> Iterator[None]:
    """Only what the file or the disk is to blame for; a wrong statement passes unchanged."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, sqlite3.Error):
            raise
        code = error.orig.sqlite_errorcode
        if code == sqlite3.SQLITE_IOERR_WRITE or code & 0xFF == sqlite3.SQLITE_FULL:
            raise DiskFull(f"{place}: no room: {error.orig}", hint=DISK_FULL_HINT) from error
        if code & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            raise MachineError(f"{place}: {error.orig}", hint=NOT_WRITABLE_HINT) from error
        if code & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            hint = "restore it from a backup, or move it away to begin a new one"
            raise StoreDamaged(f"{place}: {error.orig}", hint=hint) from error
        raise
