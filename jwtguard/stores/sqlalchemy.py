"""Sessions in a table of your database, through SQLAlchemy 2: PostgreSQL, MariaDB, SQLite.

>>> import tempfile
>>> from sqlalchemy import create_engine
>>> from jwtguard.core.sessions.store_protocol import NewSession, RotationRequest
>>> with tempfile.TemporaryDirectory() as folder:
...     engine = create_engine(f"sqlite:///{folder}/sessions.db")
...     metadata.create_all(engine)  # or a migration: hand `metadata` to Alembic
...     store = SQLAlchemyStore(engine)
...     store.create(
...         NewSession(session_id="s1", issuer="i", subject="user-1", idle_lifetime=60, absolute_lifetime=90), now=0
...     )
...     taken = store.rotate(RotationRequest(session_id="s1", generation=0), now=1, grace=10, idle_lifetime=60)
...     engine.dispose()
>>> taken.is_rotated
True

A store takes connections of its own from the engine's pool, in autocommit: a transaction of yours neither delays nor
undoes what it writes. End sessions after your commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

try:
    from sqlalchemy import Connection, Dialect, Engine, text
    from sqlalchemy.dialects.mysql.base import MySQLDialect
except ImportError as error:
    raise ImportError(
        "jwtguard.stores.sqlalchemy needs SQLAlchemy: pip install 'jwtguard-middleware[sqlalchemy]'"
    ) from error

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import OneLoop
from jwtguard.core.sessions.store_protocol import NewSession, RotationRequest, RotationResult, Session
from jwtguard.stores.housekeeping import BEFORE_ALL, skipping_locked
from jwtguard.stores.query_timeout import TIMEOUT, cut, query_timeout
from jwtguard.stores.session_table import metadata as metadata
from jwtguard.stores.sql_sessions import BOUNDED_WRITE, VENDORS, Result, SQLSessions
from jwtguard.stores.sql_store import SQLStore

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


class SQLAlchemyStore(SQLStore):
    """A session store in the database of `engine`; works in every thread, and with every event loop.

    `timeout`: how long the database may take to answer before its line is cut; making a connection, and waiting for
    one of the pool, is for the engine to limit. Raises `ConfigurationError`. What the database raises goes through.
    """

    def __init__(self, engine: Engine, *, timeout: timedelta = TIMEOUT) -> None:
        if not isinstance(engine, Engine):
            raise ConfigurationError(f"SQLAlchemyStore takes what create_engine() returns, found {engine!r}")
        self._query_timeout = query_timeout(timeout)
        self._engine = engine
        _vendor_of(engine.dialect)

    @contextmanager
    def _sessions(self, *, has_timeout: bool = True) -> Iterator[SQLSessions]:
        with self._engine.connect() as connection:
            link = connection.connection.driver_connection
            with self._query_timeout.waiting(lambda: link) if has_timeout else nullcontext():
                yield _sessions_on(connection, "SQLAlchemyStore")


class AsyncSQLAlchemyStore:
    """A session store in the database of an async engine, for one event loop.

    `timeout` as for `SQLAlchemyStore`. Raises `ConfigurationError`, also from another loop than the first.
    """

    sync_alternative: ClassVar[str] = "SQLAlchemyStore"

    def __init__(self, engine: AsyncEngine, *, timeout: timedelta = TIMEOUT) -> None:
        from sqlalchemy.ext.asyncio import AsyncEngine  # noqa: PLC0415 - needs greenlet, which who is sync may not have

        if not isinstance(engine, AsyncEngine):
            raise ConfigurationError(f"AsyncSQLAlchemyStore takes what create_async_engine() returns, found {engine!r}")
        self._engine = engine
        _vendor_of(engine.dialect)
        self._query_timeout = query_timeout(timeout)
        self._loop = OneLoop("AsyncSQLAlchemyStore", sync_alternative=self.sync_alternative)

    async def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row, then delete some dead rows if possible."""
        await self._do(lambda sessions: sessions.create(session, now=now))

    async def rotate(
        self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float
    ) -> RotationResult:
        """Rotate, or say what the row is like."""
        return await self._do(
            lambda sessions: sessions.rotate(rotation, now=now, grace=grace, idle_lifetime=idle_lifetime)
        )

    async def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        return await self._do(lambda sessions: sessions.find(session_id, now=now))

    async def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        """The sessions of these ids that exist, in one statement."""
        return await self._do(lambda sessions: sessions.find_many(session_ids, now=now))

    async def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        return await self._do(lambda sessions: sessions.list(issuer=issuer, subject=subject, now=now))

    async def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session; whether it was alive."""
        return await self._do(lambda sessions: sessions.revoke(session_id, now=now))

    async def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject, some at a time; how many were alive."""
        total = 0
        after: float | None = BEFORE_ALL
        while after is not None:
            end_some = partial(SQLSessions.end_some, issuer=issuer, subject=subject, now=now, after=after)
            ended, after = await self._do(end_some)
            total += ended
        return total

    async def purge(self, *, now: float) -> int:
        """Delete all rows that can decide nothing any more, some at a time."""
        return await self._do(lambda sessions: sessions.purge(now=now), has_timeout=False)

    async def _do(self, operation: Callable[[SQLSessions], T], *, has_timeout: bool = True) -> T:
        running = self._loop.check()

        def on(connection: Connection) -> T:
            sessions = _sessions_on(connection, "AsyncSQLAlchemyStore")
            if not has_timeout:
                return operation(sessions)
            link = connection.connection.driver_connection
            overdue = running.call_later(self._query_timeout.limit, cut, lambda: link)
            try:
                return operation(sessions)
            finally:
                overdue.cancel()

        async with self._engine.connect() as connection:
            return await connection.run_sync(on)


def _vendor_of(dialect: Dialect) -> str:
    """The kind of database; raises `ConfigurationError` for one that the statements are not written for."""
    vendor = "mysql" if isinstance(dialect, MySQLDialect) else dialect.name
    if vendor not in VENDORS:
        raise ConfigurationError(
            f"the engine is one of PostgreSQL, MariaDB, MySQL or SQLite, found {dialect.name!r}: for another database,"
            " write a store of your own (docs/how-to-store.md)"
        )
    return vendor


def _sessions_on(connection: Connection, store: str) -> SQLSessions:
    connection = _in_autocommit(connection)
    dialect, vendor = connection.dialect, _vendor_of(connection.dialect)
    is_mariadb = bool(getattr(dialect, "is_mariadb", False))
    version = tuple(part for part in dialect.server_version_info or () if isinstance(part, int))

    def execute(statement: str, values: Mapping[str, Any]) -> Result:
        result = connection.execute(text(statement), values)
        return Result(result.fetchall() if result.returns_rows else [], result.rowcount)

    return SQLSessions(
        store=store,
        vendor=vendor,
        execute=execute,
        delete_unlocked=lambda: skipping_locked(vendor, version, is_mariadb=is_mariadb),
        write_prefix=BOUNDED_WRITE if is_mariadb else "",
    )


def _in_autocommit(connection: Connection) -> Connection:
    """`connection` in autocommit; where the engine makes them so, nothing has to be set and set back at each call."""
    link: Any = connection.connection.dbapi_connection
    try:
        is_set = connection.dialect.detect_autocommit_setting(link)  # Since SQLAlchemy 2.0.43, and for most drivers.
    except (AttributeError, NotImplementedError):
        is_set = False
    return connection if is_set else connection.execution_options(isolation_level="AUTOCOMMIT")
