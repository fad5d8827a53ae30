"""The service's database: one SQLite file in WAL mode, what is committed to it survives a crash and a loss of power.

The event loop never waits for it: `read` and `write` work in threads. There is one thread for writing, since SQLite has one
writer at a time; another process that writes (`quotes` on the command line) is waited for.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from fastapi import Request
from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DBAPIError

from api.errors import DATABASE_UNUSABLE, Problem
from api.tables import VERSION, metadata
from quotes.errors import DatabaseUnusable

Answer = TypeVar("Answer")

APPLICATION = 0x71756F74  # "quot", in the file's header: it is ours
BUSY_SECONDS = 5  # how long another process that writes is waited for
READERS = 4  # threads
ADVICE = "set QUOTES_DATABASE to a file that can be written, on a disk of this machine"

# What the machine does to us; any other error is a fault of ours.
_FROM_OUTSIDE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
}

_log = logging.getLogger(__name__)


class Database:
    """The file at `path`, which is made, readable by its owner alone, where there is none.

    `reading` and `writing` give a connection in a transaction and block; `read` and `write` call a function with one, in a
    thread.
    """

    def __init__(self, path: Path) -> None:
        """Raises DatabaseUnusable, which says why and what to do."""
        path = path.absolute()
        self._engine = create_engine(
            URL.create("sqlite", database=str(path)), pool_size=READERS + 1, connect_args={"timeout": BUSY_SECONDS}
        )
        event.listen(self._engine, "connect", _on_connect)
        event.listen(self._engine, "begin", _on_begin)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database-write")
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, mode=0o600))
            with self.writing() as connection:
                _prepare(connection)
            self._log_ahead()
        except (DBAPIError, OSError) as error:
            self.close()
            reason = error.orig if isinstance(error, DBAPIError) else error.strerror
            raise DatabaseUnusable(f"the database {path} cannot be used: {reason}; {ADVICE}") from error
        except DatabaseUnusable as error:
            self.close()
            raise DatabaseUnusable(f"the database {path} cannot be used: {error}") from None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection that nobody else writes beside; what is done with it is committed at the end, all or nothing."""
        with self._engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection, connection.begin():
            yield connection

    async def read(self, job: Callable[[Connection], Answer]) -> Answer:
        """`job`'s answer, from a transaction that only reads. Raises Problem (503), and what `job` raises."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._answered, self.reading, job)

    async def write(self, job: Callable[[Connection], Answer]) -> Answer:
        """`job`'s answer, once what it wrote is on the disk. Raises Problem (503), and what `job` raises: then nothing
        is written.

        Whoever stops waiting does not stop the job.
        """
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._answered, self.writing, job)

    def close(self) -> None:
        """Finish what runs, and let the file go."""
        self._readers.shutdown()
        self._writer.shutdown()
        self._engine.dispose()

    def _log_ahead(self) -> None:
        """Write-ahead logging lets readers read while a writer writes. The file keeps the mode."""
        connection = self._engine.raw_connection()
        try:
            (mode,) = connection.cursor().execute("PRAGMA journal_mode = WAL").fetchone()
        finally:
            connection.close()
        if mode != "wal":
            raise DatabaseUnusable(f"its file system does not allow write-ahead logging; {ADVICE}")

    def _answered(self, transaction: Callable[[], Any], job: Callable[[Connection], Answer]) -> Answer:
        try:
            with transaction() as connection:
                answer: Answer = job(connection)
            return answer
        except DBAPIError as error:
            code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF  # the rest of the bits are details
            if code not in _FROM_OUTSIDE:
                raise
            _log.error("the database cannot be used: %s", error.orig)
            detail = "the service's database cannot be used now; try again later, its log says why"
            raise Problem(DATABASE_UNUSABLE, detail, headers={"Retry-After": str(BUSY_SECONDS)}) from error


def database_of(request: Request) -> Database:
    """The service's database, for routes that depend on it."""
    database: Database = request.app.state.database
    return database


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # else the driver, and not SQLAlchemy, decides when a transaction begins
    connection.execute("PRAGMA foreign_keys = ON")
    # With write-ahead logging, NORMAL may forget the last commits when power is lost.
    connection.execute("PRAGMA synchronous = FULL")


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _prepare(connection: Connection) -> None:
    """Make the tables, or refuse a file that is not ours or is from a later release."""
    application, version, pages = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
        for name in ("application_id", "user_version", "page_count")
    )
    if pages > 1 and application != APPLICATION:
        raise DatabaseUnusable("it belongs to another program; set QUOTES_DATABASE to a file of its own")
    if version > VERSION:
        made = f"a later release of quotes made it (version {version}; this one knows {VERSION})"
        raise DatabaseUnusable(f"{made}; install that release, or set QUOTES_DATABASE to another file")
    metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
