"""What a database refuses becomes an error that says whether to wait, to make room or to repair."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from luthier.errors import DatabaseUnavailable, DiskFull, LuthierError, MachineError, StoreDamaged
from luthier.store.files import DISK_FULL_HINT, NOT_WRITABLE_HINT

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_HINT = "try again in a moment"
AWAY_HINT = "look whether the database server runs and can be reached; what is kept is not touched"

# https://www.postgresql.org/docs/current/errcodes-appendix.html
POSTGRESQL_DISK_FULL = "53100"
POSTGRESQL_READ_ONLY = "25006"
POSTGRESQL_PASSING = ("08", "25P03", "53", "55P03", "57", "40001", "40P01")
"""Beginnings of the codes for what a later try may not meet: of connections, resources, locks and shutdown."""


@contextmanager
def translate_database_errors(place: str) -> Iterator[None]:
    """Only what the file, the disk or the server is to blame for; a wrong statement passes unchanged."""
    try:
        yield
    except PoolExhausted as error:
        raise DatabaseUnavailable(f"{place}: every connection is in use", hint=BUSY_HINT) from error
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            meant = _explain_sqlite(place, error.orig)
        else:
            meant = _explain_server(place, error)
        if meant is None:
            raise
        raise meant from error


def _explain_sqlite(place: str, error: sqlite3.Error) -> LuthierError | None:
    code = error.sqlite_errorcode
    match code & 0xFF:
        case _ if code == sqlite3.SQLITE_IOERR_WRITE:
            return DiskFull(f"{place}: no room: {error}", hint=DISK_FULL_HINT)
        case sqlite3.SQLITE_FULL:
            return DiskFull(f"{place}: no room: {error}", hint=DISK_FULL_HINT)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return DatabaseUnavailable(f"{place}: {error}", hint=BUSY_HINT)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return MachineError(f"{place}: {error}", hint=NOT_WRITABLE_HINT)
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            hint = "restore it from a backup, or move it away to begin a new one"
            return StoreDamaged(f"{place}: {error}", hint=hint)
    return None


def _explain_server(place: str, error: DBAPIError) -> LuthierError | None:
    # Every PostgreSQL driver gives its errors the server's code, and none where no server answered.
    code: str | None = getattr(error.orig, "sqlstate", None)
    reason = " ".join(str(error.orig).split())
    if code == POSTGRESQL_DISK_FULL:
        return DiskFull(f"{place}: no room: {reason}", hint="free some space on the database server")
    if code == POSTGRESQL_READ_ONLY:
        return DatabaseUnavailable(f"{place}: {reason}", hint="this server only reads: name the one that writes")
    if error.connection_invalidated or (code is not None and code.startswith(POSTGRESQL_PASSING)):
        return DatabaseUnavailable(f"{place}: {reason}", hint=AWAY_HINT)
    if code is None and _is_of_connection(error):
        return DatabaseUnavailable(f"{place}: {reason}", hint=AWAY_HINT)
    return None


def _is_of_connection(error: SQLAlchemyError) -> bool:
    """By the names that PEP 249 gives: what a driver raises when it has no connection, or a closed one."""
    return type(error).__name__ in {"OperationalError", "InterfaceError"}
