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

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

try:
    from sqlalchemy import Connection, Engine
except ImportError as error:
    raise ImportError(
        "jwtguard.stores.sqlalchemy needs SQLAlchemy: pip install 'jwtguard-middleware[sqlalchemy]'"
    ) from error

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import OneLoop
from jwtguard.core.sessions.store_protocol import NewSession, RotationRequest, RotationResult, Session
from jwtguard.stores.housekeeping import BEFORE_ALL
from jwtguard.stores.query_timeout import TIMEOUT, cut, query_timeout
from jwtguard.stores.session_statements import SessionStatements
from jwtguard.stores.session_table import metadata as metadata

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


class SQLAlchemyStore:
    """A session store in the database of `engine`; works in every thread, and with every event loop.

    `timeout`: how long the database may take to answer before its line is cut; making a connection, and waiting for
    one of the pool, is for the engine to limit. Raises `ConfigurationError`. What the database raises goes through.
    """

    def __init__(self, engine: Engine, *, timeout: timedelta = TIMEOUT) -> None:
        if not isinstance(engine, Engine):
            raise ConfigurationError(f"SQLAlchemyStore takes what create_engine() returns, found {engine!r}")
        self._query_timeout = query_timeout(timeout)
        self._engine = engine
        self._statements = SessionStatements(engine.dialect)

    def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row, and delete some dead ones."""
        with self._connection() as connection:
            self._statements.create(connection, session, now)

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        """Rotate, or say what the row is like."""
        with self._connection() as connection:
            return self._statements.rotate(connection, rotation, now, grace, idle_lifetime)

    def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        with self._connection() as connection:
            return self._statements.find(connection, session_id, now)

    def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        """The sessions of these ids that there are, in one statement."""
        with self._connection() as connection:
            return self._statements.find_many(connection, session_ids, now)

    def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        with self._connection() as connection:
            return self._statements.list(connection, issuer, subject, now)

    def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session."""
        with self._connection() as connection:
            return self._statements.revoke(connection, session_id, now)

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject, some at a time."""
        total = 0
        after: float | None = BEFORE_ALL
        while after is not None:
            with self._connection() as connection:
                ended, after = self._statements.end_some(connection, issuer, subject, now, after=after)
            total += ended
        return total

    def purge(self, *, now: float) -> int:
        """Delete what can decide nothing any more, some at a time."""
        with self._engine.connect() as connection:  # For as long as it takes.
            return self._statements.purge(_in_autocommit(connection), now)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            link = connection.connection.driver_connection
            with self._query_timeout.waiting(lambda: link):
                yield _in_autocommit(connection)


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
        self._statements = SessionStatements(engine.dialect)
        self._query_timeout = query_timeout(timeout)
        self._loop = OneLoop("AsyncSQLAlchemyStore", sync_alternative=self.sync_alternative)

    async def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row, and delete some dead ones."""
        await self._do(lambda connection: self._statements.create(connection, session, now))

    async def rotate(
        self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float
    ) -> RotationResult:
        """Rotate, or say what the row is like."""
        return await self._do(
            lambda connection: self._statements.rotate(connection, rotation, now, grace, idle_lifetime)
        )

    async def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        return await self._do(lambda connection: self._statements.find(connection, session_id, now))

    async def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        """The sessions of these ids that there are, in one statement."""
        return await self._do(lambda connection: self._statements.find_many(connection, session_ids, now))

    async def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        return await self._do(lambda connection: self._statements.list(connection, issuer, subject, now))

    async def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session."""
        return await self._do(lambda connection: self._statements.revoke(connection, session_id, now))

    async def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject, some at a time."""
        total = 0
        after: float | None = BEFORE_ALL
        while after is not None:
            end_some = partial(self._statements.end_some, issuer=issuer, subject=subject, now=now, after=after)
            ended, after = await self._do(end_some)
            total += ended
        return total

    async def purge(self, *, now: float) -> int:
        """Delete what can decide nothing any more, some at a time."""
        self._loop.check()
        async with self._engine.connect() as connection:  # For as long as it takes.
            return await connection.run_sync(lambda connection: self._statements.purge(_in_autocommit(connection), now))

    async def _do(self, operation: Callable[[Connection], T]) -> T:
        running = self._loop.check()

        def within_limit(connection: Connection) -> T:
            link = connection.connection.driver_connection
            overdue = running.call_later(self._query_timeout.limit, cut, lambda: link)
            try:
                return operation(_in_autocommit(connection))
            finally:
                overdue.cancel()

        async with self._engine.connect() as connection:
            return await connection.run_sync(within_limit)


def _in_autocommit(connection: Connection) -> Connection:
    """`connection` in autocommit; where the engine makes them so, nothing has to be set and set back at each call."""
    link: Any = connection.connection.dbapi_connection
    try:
        is_set = connection.dialect.detect_autocommit_setting(link)  # Since SQLAlchemy 2.0.43, and for most drivers.
    except (AttributeError, NotImplementedError):
        is_set = False
    return connection if is_set else connection.execution_options(isolation_level="AUTOCOMMIT")
