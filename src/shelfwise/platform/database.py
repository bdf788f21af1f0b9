"""One door to a service's database, the same for SQLite and PostgreSQL.

Every transaction is opened for a tenant. On PostgreSQL that sets ``app.tenant_id``, which row-level security reads;
on SQLite repositories' own conditions carry it. Writes on SQLite are BEGIN IMMEDIATE behind one fair, bounded queue
per process: a deferred transaction that upgrades to a write fails at once under contention instead of waiting.

Work may be cancelled anywhere but in a commit (``shelfwise.platform.deadline``). A query under way is cancelled too:
asyncpg sends a cancel request, SQLite is interrupted. Its connection is closed, which ends the transaction.
"""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shelfwise.platform import deadline
from shelfwise.platform.problems import UnavailableError
from shelfwise.platform.settings import SettingsError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_INTERRUPT_AGAIN_SECONDS = 0.01
_BUSY = "The database is busy. Try again in a moment."
_DEADLOCK_RETRIES = 4

T = TypeVar("T")


class DatabaseUrlError(SettingsError):
    """The URL names no database that Shelfwise can use."""


def driver_url(url: str) -> URL:
    """The SQLAlchemy URL with the driver that Shelfwise uses.

    Raises:
        DatabaseUrlError: not a SQLite file or a PostgreSQL URL.
    """
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise DatabaseUrlError("Not a database URL: use sqlite:///file.db or postgresql://user@host/name.") from error
    if parsed.drivername not in _DRIVERS:
        raise DatabaseUrlError(f"{parsed.drivername!r} is not supported: use sqlite:/// or postgresql://.")
    return parsed.set(drivername=_DRIVERS[parsed.drivername])


def insert_into(connection: AsyncConnection, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that knows ON CONFLICT on the connection's database."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


class Database:
    """Engines of one service. ``schema`` is its PostgreSQL schema; SQLite has a file of its own instead."""

    def __init__(
        self,
        url: str,
        *,
        schema: str,
        pool_size: int = 10,
        busy_timeout_seconds: float = 5.0,
        write_queue_limit: int = 256,
    ) -> None:
        self.url = driver_url(url)
        self.schema = schema
        self.is_sqlite = self.url.drivername.startswith("sqlite")
        self._busy_timeout_seconds = busy_timeout_seconds
        self._write_queue_limit = write_queue_limit
        self._writers_waiting = 0
        self._writer = asyncio.Lock()
        if self.is_sqlite:
            _make_parent(self.url)
            self._reader_engine = _sqlite_engine(self.url, busy_timeout_seconds, pool_size, write=False)
            self._writer_engine = _sqlite_engine(self.url, busy_timeout_seconds, 1, write=True)
        else:
            engine = _postgresql_engine(self.url, schema, busy_timeout_seconds, pool_size)
            self._reader_engine = self._writer_engine = engine

    @asynccontextmanager
    async def read(self, tenant_id: str | None) -> AsyncIterator[AsyncConnection]:
        """A read transaction that sees one state of the database.

        Raises:
            UnavailableError: no connection came free in time.
        """
        deadline.before_transaction()
        try:
            async with self._reader_engine.connect() as connection:
                await self._set_tenant(connection, tenant_id)
                yield connection
        except (DBAPIError, PoolTimeoutError) as error:
            if _is_busy(error):
                raise UnavailableError(_BUSY) from error
            raise

    @asynccontextmanager
    async def write(self, tenant_id: str | None) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends and rolls back when it raises.

        Raises:
            UnavailableError: the queue of writers is full, or the lock was not had in time.
        """
        deadline.before_transaction()
        try:
            if self.is_sqlite:
                async with self._turn_to_write(), self._transaction() as connection:
                    yield connection
            else:
                async with self._transaction() as connection:
                    await self._set_tenant(connection, tenant_id)
                    yield connection
        except (DBAPIError, PoolTimeoutError) as error:
            if _is_busy(error):
                raise UnavailableError(_BUSY) from error
            raise

    async def in_transaction(self, tenant_id: str, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What ``work`` gives, committed. Where PostgreSQL ends a circle of waiting writers, the work is done again.

        Raises:
            UnavailableError: as ``write``, or the work was ended again and again.
        """
        for _ in range(_DEADLOCK_RETRIES):
            try:
                async with self.write(tenant_id) as connection:
                    return await work(connection)
            except DBAPIError as error:
                if not _is_deadlock(error):
                    raise
            await asyncio.sleep(random.uniform(0.005, 0.05))  # noqa: S311  a pause, not a secret
        raise UnavailableError(_BUSY)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self._writer_engine.connect() as connection, connection.begin() as transaction:
            yield connection
            with deadline.committing():
                await transaction.commit()

    @asynccontextmanager
    async def _turn_to_write(self) -> AsyncIterator[None]:
        if self._writers_waiting >= self._write_queue_limit:
            raise UnavailableError(_BUSY)
        self._writers_waiting += 1
        try:
            async with asyncio.timeout(self._busy_timeout_seconds):
                await self._writer.acquire()
        except TimeoutError as error:
            raise UnavailableError(_BUSY) from error
        finally:
            self._writers_waiting -= 1
        try:
            yield
        finally:
            self._writer.release()

    async def _set_tenant(self, connection: AsyncConnection, tenant_id: str | None) -> None:
        if not self.is_sqlite and tenant_id is not None:
            await connection.execute(_SET_TENANT, {"tenant": tenant_id})

    async def ping(self) -> None:
        """Asks the database for an answer, whatever it is."""
        async with self.read(None) as connection:
            await connection.execute(sa.text("SELECT 1"))

    async def dispose(self) -> None:
        """Closes every connection."""
        await self._reader_engine.dispose()
        if self._writer_engine is not self._reader_engine:
            await self._writer_engine.dispose()


_SET_TENANT = sa.text("SELECT set_config('app.tenant_id', :tenant, true)")


def _is_busy(error: Exception) -> bool:
    if isinstance(error, PoolTimeoutError):
        return True
    # A statement and its values are part of the whole text, and may say anything.
    text = str(error.orig if isinstance(error, DBAPIError) else error).lower()
    return "locked" in text or "busy" in text or "lock timeout" in text


def _is_deadlock(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "40P01"


def _make_parent(url: URL) -> None:
    if not url.database or url.database == ":memory:":
        raise DatabaseUrlError("SQLite needs a file: sqlite:///path/to/file.db.")
    # Sales figures are nobody else's on the machine: a folder that we make is its owner's alone.
    Path(url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)


def _sqlite_engine(url: URL, busy_timeout_seconds: float, pool_size: int, *, write: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=busy_timeout_seconds,
        pool_reset_on_return="rollback",
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's own connection
        # The driver would otherwise begin transactions by itself, deferred, and only before some statements.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_timeout_seconds * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -32000")
        if not write:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "invalidate")
    def _interrupt(connection: Any, _record: object, _error: BaseException | None) -> None:  # noqa: ANN401  as above
        connection.run_async(_roll_back_at_once)

    @sa.event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


async def _roll_back_at_once(driver: aiosqlite.Connection) -> None:
    """Ends the transaction of a connection whose query was cancelled.

    The driver's thread would run the query to its end. And closed with a transaction open, the file would stay locked
    for as long as anything, a traceback perhaps, still holds the query's cursor.
    """
    interrupted = True
    while interrupted:
        rollback = asyncio.ensure_future(driver.rollback())
        while not rollback.done():
            # Again and again: a query that is only about to begin does not notice.
            await driver.interrupt()
            await asyncio.wait((rollback,), timeout=_INTERRUPT_AGAIN_SECONDS)
        # The interrupt may have hit the rollback itself.
        error = rollback.exception()
        interrupted = isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error)


def _postgresql_engine(url: URL, schema: str, busy_timeout_seconds: float, pool_size: int) -> AsyncEngine:
    milliseconds = str(int(busy_timeout_seconds * 1000))
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=busy_timeout_seconds,
        pool_pre_ping=True,
        connect_args={
            "timeout": busy_timeout_seconds,
            "command_timeout": 60,
            "server_settings": {
                "search_path": schema,
                "application_name": f"shelfwise-{schema}",
                "lock_timeout": milliseconds,
                "idle_in_transaction_session_timeout": "60000",
                "jit": "off",
            },
        },
    )
