"""Logins beside others who have locked dead rows, or when deleting them goes wrong: on PostgreSQL and MariaDB."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from jwtguard.stores import sqlalchemy
from jwtguard.stores.session_table import session_table
from jwtguard.stores.sqlalchemy import AsyncSQLAlchemyStore, SQLAlchemyStore, metadata
from jwtguard.testing.conformance.store_bench import StoreBench, rotation_of
from tests.stores.faults import sessions_on
from tests.stores.sqlalchemy_engines import engine_for, mariadb_url, postgresql_url

pytestmark = pytest.mark.servers

DEAD = 100
AT_ONCE = 2.0
"""Seconds: the database's time-outs for locks, and the store's, are longer."""


@pytest.fixture(params=["postgresql", "mariadb", "mysql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database with a hundred dead rows and a live one."""
    if request.param == "postgresql":
        url = postgresql_url(request.getfixturevalue("postgresql_server"), "psycopg")
    else:
        url = mariadb_url(
            request.getfixturevalue("mariadb_server"), "pymysql", dialect=request.param, database="housekeeping"
        )
    with engine_for(url) as engine:
        try:
            with engine.begin() as connection:
                connection.execute(session_table.delete())
                connection.execute(session_table.insert(), [row(f"dead-{number}", number) for number in range(DEAD)])
                connection.execute(session_table.insert(), [row("alive", time.time() + 60)])
            yield engine
        finally:
            metadata.drop_all(engine)


def row(session_id: str, ends_at: float) -> dict[str, Any]:
    times = {"created_at": 0.0, "expires_at": ends_at, "ends_at": ends_at}
    return {"session_id": session_id, "issuer": "i", "subject": "s", "generation": 0, **times}


def dead(engine: Engine) -> int:
    with engine.connect() as connection:
        count = text("SELECT count(*) FROM jwtguard_session WHERE ends_at < 1000")
        return int(connection.execute(count).scalar_one())


def locking(engine: Engine) -> Connection:
    """A connection that locks the rows that it asks for: at REPEATABLE READ, MariaDB locks all that it reads."""
    return engine.connect().execution_options(isolation_level="READ COMMITTED")


LOCKS = {
    "an update of all": "SELECT * FROM jwtguard_session WHERE ends_at < 1000 FOR UPDATE",
    "a delete of all": "DELETE FROM jwtguard_session WHERE ends_at < 1000",
    "entries of an index": "SELECT ends_at FROM jwtguard_session WHERE ends_at < 1000 {share}",
}


@pytest.mark.parametrize("lock", LOCKS)
def test_logins_beside_locked_rows(engine: Engine, lock: str) -> None:
    """Each answers at once, deletes nothing that is locked, and goes on to delete when the locks are gone."""
    bench = StoreBench(SQLAlchemyStore(engine), asyncio.Runner(), has_own_clock=True)
    share = "FOR SHARE" if engine.dialect.name == "postgresql" else "LOCK IN SHARE MODE"
    with locking(engine) as other:
        other.execute(text(LOCKS[lock].format(share=share)))
        began = time.monotonic()
        ids = [bench.create() for _ in range(8)]
        assert time.monotonic() - began < AT_ONCE
        assert bench.purge() == 0
        other.rollback()
    assert sorted(bench.listed()) == sorted(ids)
    assert dead(engine) == DEAD
    bench.create()
    assert dead(engine) == DEAD - 4
    assert bench.purge() == DEAD - 4


def test_a_login_that_meets_a_lock(engine: Engine) -> None:
    """A login whose row cannot be written is refused, and its row is not written later."""
    if engine.dialect.name == "postgresql":
        engine = create_engine(engine.url, connect_args={"options": "-c lock_timeout=500"})
        lock = "LOCK TABLE jwtguard_session"
    else:
        # At REPEATABLE READ, MariaDB locks the gap behind the last row that is read too: here, all that is to come.
        lock = "SELECT * FROM jwtguard_session WHERE ends_at > 1000 FOR UPDATE"
    bench = StoreBench(SQLAlchemyStore(engine), asyncio.Runner(), has_own_clock=True)
    session_id = bench.create()
    with engine.connect() as other:
        other.execute(text(lock))
        began = time.monotonic()
        with pytest.raises(DBAPIError):
            bench.create()
        with pytest.raises(DBAPIError):
            bench.take(session_id, 0)
        assert time.monotonic() - began < 10
        other.rollback()
    assert bench.listed() == [session_id]
    assert bench.found(session_id).generation == 0
    engine.dispose()


def test_what_is_not_locked_is_deleted(engine: Engine) -> None:
    """By logins and by purging, beside rows that are."""
    bench = StoreBench(SQLAlchemyStore(engine), asyncio.Runner(), has_own_clock=True)
    with locking(engine) as other:
        other.execute(text("SELECT * FROM jwtguard_session WHERE session_id IN ('dead-0', 'dead-50') FOR UPDATE"))
        for _ in range(10):
            bench.create()
        assert dead(engine) < DEAD - 20
        bench.purge()
        assert dead(engine) == 2
        other.rollback()
    assert bench.purge() == 2


def test_logins_at_the_same_time(engine: Engine) -> None:
    """None fails and none waits for another's dead rows."""
    store = SQLAlchemyStore(engine)
    sessions = sessions_on(store, grace=0)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda number: sessions.start(f"user-{number}").run(), range(40)))
    assert len({rotation_of(answer.refresh_token).session_id for answer in answers}) == 40
    assert all(sessions.list(f"user-{number}").run() for number in range(40))
    assert dead(engine) < DEAD / 2


def failing(engine: Engine, fail: Callable[[Any], object]) -> None:
    """Let something happen before each statement that deletes."""

    def before(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if "DELETE" in statement:
            fail(connection)

    event.listen(engine, "before_cursor_execute", before)


def test_an_error_while_deleting(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """The login has succeeded: its session is on the list, its tokens work, and the log tells."""

    def fail(_: Any) -> None:
        raise DBAPIError("DELETE", {}, Exception(1114, "The table is full"))

    sessions = sessions_on(SQLAlchemyStore(engine), grace=0)
    failing(engine, fail)
    token = sessions.start("user-1").run().refresh_token
    assert "dead sessions were not deleted" in caplog.text
    assert [session.session_id for session in sessions.list("user-1").run()] == [rotation_of(token).session_id]
    assert rotation_of(sessions.refresh(token).run().refresh_token).generation == 1
    assert dead(engine) == DEAD


def test_a_connection_that_is_cut_while_deleting(engine: Engine) -> None:
    """The login has succeeded, and the next call makes another connection."""

    def cut(connection: Any) -> None:
        with other.connect() as killer, suppress(DBAPIError):
            if engine.dialect.name == "postgresql":
                pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
                killer.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)"))
            else:
                pid = connection.exec_driver_sql("SELECT connection_id()").scalar()
                killer.execute(text(f"KILL {pid}"))

    other = create_engine(engine.url)
    sessions = sessions_on(SQLAlchemyStore(engine), grace=0)
    sessions.list("user-1").run()
    failing(engine, cut)
    token = sessions.start("user-1").run().refresh_token
    assert rotation_of(sessions.refresh(token).run().refresh_token).generation == 1
    assert dead(engine) == DEAD
    other.dispose()


def test_a_database_that_cannot_skip(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logins leave the dead to `purge` there."""
    monkeypatch.setattr(sqlalchemy, "skipping_locked", lambda *_, **__: None)
    bench = StoreBench(SQLAlchemyStore(engine), asyncio.Runner(), has_own_clock=True)
    bench.create()
    assert dead(engine) == DEAD
    assert bench.purge() == DEAD


@pytest.mark.parametrize("times", [1, 5])
def test_a_login_that_is_the_victim_of_a_deadlock(engine: Engine, times: int) -> None:
    """The database has undone the statement: it is tried again, five times in all."""
    left = [times]

    def before(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if "INSERT" in statement and left[0]:
            left[0] -= 1
            raise DBAPIError("INSERT", {}, Exception(1213, "Deadlock found when trying to get lock"))

    bench = StoreBench(SQLAlchemyStore(engine), asyncio.Runner(), has_own_clock=True)
    event.listen(engine, "before_cursor_execute", before)
    if times < 5:
        assert bench.listed() == [] != [bench.create()]
    else:
        with pytest.raises(DBAPIError):
            bench.create()
        assert bench.listed() == []


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg_async", "asyncmy"])
def test_asynchronous_logins_beside_locked_rows(request: pytest.FixtureRequest, driver: str) -> None:
    """The same on a loop."""
    if driver == "asyncmy":
        server = request.getfixturevalue("mariadb_server")
        urls = [mariadb_url(server, each, dialect="mysql", database="housekeeping") for each in ("pymysql", driver)]
    else:
        server = request.getfixturevalue("postgresql_server")
        urls = [postgresql_url(server, each) for each in ("psycopg", driver)]
    with engine_for(urls[0]) as engine, asyncio.Runner() as runner:
        async_engine = create_async_engine(urls[1])
        bench = StoreBench(AsyncSQLAlchemyStore(async_engine), runner, has_own_clock=True)
        try:
            with engine.begin() as connection:
                connection.execute(session_table.insert(), [row(f"dead-{number}", number) for number in range(DEAD)])
                connection.execute(session_table.insert(), [row("alive", time.time() + 60)])
            with locking(engine) as other:
                other.execute(text(LOCKS["an update of all"]))
                began = time.monotonic()
                ids = [bench.create() for _ in range(5)]
                assert time.monotonic() - began < AT_ONCE
                assert sorted(bench.listed()) == sorted(ids)
                other.rollback()
            assert bench.purge() == DEAD
        finally:
            runner.run(async_engine.dispose())
            metadata.drop_all(engine)
