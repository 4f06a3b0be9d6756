"""Settings become an open database with today's tables, in which every use is one transaction."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from luthier.errors import InvalidConfig, StoreDamaged
from luthier.store.database_errors import translate_database_errors
from luthier.store.files import translate_disk_errors
from luthier.store.locks import locked

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from luthier.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_SECONDS = 30  # a writer holds the lock for milliseconds; this covers a machine under heavy load
CONNECTIONS = 10
CONNECTIONS_AT_PEAK = 50  # a server of ours has 40 threads that may each want one, and its own clockworks
POSTGRESQL_CONNECT = {"connect_timeout": 5, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
"""Seconds after which a server that is gone without a word is given up."""
MIGRATION_LOCK = 0x6C757468  # any number, as long as it is always the same one


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
            translate_database_errors(self.place),
            Session(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session


def utc_now() -> datetime:
    return datetime.now(UTC)


def open_database(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> Database:
    """Creates the database or brings it up to date, alone, however many processes open it at once.

    Raises InvalidConfig for an address that cannot be used, StoreDamaged for a file that is no database or
    comes from a newer Luthier, DatabaseUnavailable where no server answers, and MachineError where it cannot be
    written.
    """
    url = _parse_url(settings.resolved_database_url)
    place = _place(url)
    with translate_database_errors(place), _alone(url):
        engine = _connect(url)
        # A database that is up to date is only read, so that whoever opens it does not wait for a process that is
        # frozen in the middle of a transaction: who comes then may be the one that ends it.
        with engine.begin() as connection:
            is_current = _revision(connection) == known_revisions()[-1]
        if not is_current:
            with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
                _migrate(connection, place)
    return Database(engine, place, clock)


def hold_name(session: Session, name: str) -> None:
    """Nobody else gets past this with the same name until the transaction ends.

    On SQLite a transaction that may write is alone already.
    """
    if session.get_bind().dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        session.execute(select(func.pg_advisory_xact_lock(number)))


def known_revisions() -> list[str]:
    """Read from the file names, so that opening a database that is up to date need not import Alembic."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _parse_url(address: str) -> URL:
    try:
        url = make_url(address)
        if url.drivername in ("postgres", "postgresql"):  # as other programs write it
            url = url.set(drivername="postgresql+psycopg")
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
    """An error of its own tells the statement, and not the prompts, answers and digests that it was given."""
    if not _is_sqlite(url):
        # What the address itself says about a connection wins.
        arguments = {name: value for name, value in POSTGRESQL_CONNECT.items() if name not in url.query}
        engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, hide_parameters=True, **_pool_size())
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    size = _pool_size() if url.database else {}  # a database in memory has the one connection
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, hide_parameters=True, **size)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _pool_size() -> dict[str, Any]:
    return {"pool_size": CONNECTIONS, "max_overflow": CONNECTIONS_AT_PEAK - CONNECTIONS}


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # A process that is frozen in the middle of a transaction must not hold up the others for ever.
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{BUSY_TIMEOUT_SECONDS}s'")
    cursor.execute(f"SET lock_timeout = '{BUSY_TIMEOUT_SECONDS}s'")
    cursor.close()
    connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # Python's driver begins a transaction by itself only at the first INSERT or the like: too late for a read
    # that a write depends on, and never for CREATE TABLE, so that half a migration would stay.
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _migrate(connection: Connection, place: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
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
