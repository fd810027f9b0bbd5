"""What goes wrong between us and a database: races, locks, crashes, silence; and what a rotation costs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from jwtguard import ConfigurationError, Session, UnavailableError
from jwtguard.stores.housekeeping import MANY
from jwtguard.stores.session_table import session_table
from jwtguard.stores.sqlalchemy import AsyncSQLAlchemyStore, SQLAlchemyStore, metadata
from jwtguard.testing.conformance.store_bench import ISSUER, StoreBench, rotation_of
from tests.proxy import Proxy
from tests.servers import LOOPBACK, Server
from tests.stores.faults import (
    REFRESHES,
    documented,
    end_and_die,
    killed_refreshes,
    outlasts,
    outlasts_on_a_loop,
    race,
    recovers,
    refused,
    sessions_on,
)
from tests.stores.sqlalchemy_engines import engine_for, mariadb_url, opened, postgresql_url, statements_of

T = TypeVar("T")


@pytest.fixture
def url(postgresql_server: Server) -> str:
    return postgresql_url(postgresql_server, "psycopg")


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with engine_for(url) as engine:
        yield engine


def test_a_thousand_at_once(engine: Engine, url: str) -> None:
    """One generation is rotated; all others are the replay of that generation."""
    outcomes, _ = race(partial(opened, url), grace=60)
    assert outcomes == {"generation 1": REFRESHES, "event refreshed": 1, "event replayed": REFRESHES - 1}


def test_a_thousand_at_once_without_grace(engine: Engine, url: str) -> None:
    """One generation is rotated at most; all others are refused."""
    outcomes, _ = race(partial(opened, url), grace=0)
    assert outcomes["event refreshed"] == outcomes["generation 1"] == 1
    assert outcomes["reuse"] + outcomes["revoked"] == REFRESHES - 1


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_thousand_at_once_in_strict_isolation(engine: Engine, url: str, isolation: str) -> None:
    """The same where the database is set to a stricter isolation, in which losers get an error."""
    strict = f"{url}?options=-c default_transaction_isolation={isolation.replace(' ', chr(92) + ' ')}"
    outcomes, _ = race(partial(opened, strict), grace=60)
    assert outcomes == {"generation 1": REFRESHES, "event refreshed": 1, "event replayed": REFRESHES - 1}


def test_killed_in_the_middle(engine: Engine, url: str) -> None:
    """Fifty times kill -9: the client's last token goes on, and there is one branch."""
    killed_refreshes(partial(opened, url))


def test_ended_is_ended_when_process_and_server_die(engine: Engine, url: str, postgresql_server: Server) -> None:
    """An answered logout has happened, and survives a crash of the server."""
    sessions = sessions_on(SQLAlchemyStore(engine), grace=0)
    token = sessions.start("user-1").run().refresh_token
    end_and_die(partial(opened, url), token)
    assert refused(sessions, token) == "revoked"
    postgresql_server.kill()
    postgresql_server.start()
    assert recovers(lambda: refused(sessions, token)) == "revoked"


def test_killed_and_restarted(engine: Engine, postgresql_server: Server) -> None:
    """An unreachable database is a 503 and ends no session. Afterwards the store works by itself."""
    sessions = sessions_on(SQLAlchemyStore(engine), grace=0)
    token = sessions.start("user-1").run().refresh_token
    postgresql_server.kill()
    for attempt in (sessions.refresh(token), sessions.end(token), sessions.list("user-1"), sessions.start("user-1")):
        with pytest.raises(UnavailableError):
            attempt.run()
    postgresql_server.start()
    assert rotation_of(recovers(lambda: sessions.refresh(token).run()).refresh_token).generation == 1


def test_locked(engine: Engine, url: str) -> None:
    """A row that another transaction holds is a 503 after the lock time-out; afterwards all is as before."""
    impatient = create_engine(url, connect_args={"options": "-c lock_timeout=100"})
    sessions = sessions_on(SQLAlchemyStore(impatient), grace=0)
    token = sessions.start("user-1").run().refresh_token
    with engine.connect() as other:
        other.execute(text("LOCK TABLE jwtguard_session"))
        for attempt in (sessions.refresh(token), sessions.end(token), sessions.start("user-1")):
            with pytest.raises(UnavailableError):
                attempt.run()
    assert rotation_of(sessions.refresh(token).run().refresh_token).generation == 1
    impatient.dispose()


def test_silent(engine: Engine, postgresql_server: Server) -> None:
    """A partition, seen by a driver with a time-out of its own: 503, and recovery."""

    async def use(proxy: Proxy) -> int:
        url = f"postgresql+asyncpg://postgres@{LOOPBACK}:{proxy.port}/postgres"
        engine = create_async_engine(url, connect_args={"command_timeout": 0.3, "timeout": 1})
        sessions = sessions_on(AsyncSQLAlchemyStore(engine), grace=60)
        token = (await sessions.start("user-1")).refresh_token
        proxy.is_silent = True
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            await sessions.refresh(token)
        assert time.monotonic() - began < 5
        proxy.is_silent = False
        while True:
            try:
                answer = await sessions.refresh(token)
            except UnavailableError:
                assert time.monotonic() - began < 20
            else:
                break
        await engine.dispose()
        return rotation_of(answer.refresh_token).generation

    with Proxy(postgresql_server.port) as proxy:
        assert asyncio.run(use(proxy)) == 1


def test_silent_from_the_start(engine: Engine, postgresql_server: Server) -> None:
    """A server that takes connections and says nothing: 503 after `connect_timeout`."""
    with Proxy(postgresql_server.port) as proxy:
        proxy.is_silent = True
        url = f"postgresql+psycopg://postgres@{LOOPBACK}:{proxy.port}/postgres"
        deaf = create_engine(url, connect_args={"connect_timeout": 2}, poolclass=NullPool)
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            sessions_on(SQLAlchemyStore(deaf), grace=0).start("user-1").run()
        assert time.monotonic() - began < 20


@pytest.mark.parametrize(("driver", "url_of"), [("psycopg", postgresql_url), ("pymysql", mariadb_url)])
def test_stalled(request: pytest.FixtureRequest, driver: str, url_of: Callable[[Server, str], str]) -> None:
    """A server that is stopped, whose kernel goes on to take what it is sent."""
    server: Server = request.getfixturevalue("postgresql_server" if driver == "psycopg" else "mariadb_server")
    url = url_of(server, driver)
    stalling = create_engine(url, connect_args=documented(driver))
    try:
        metadata.create_all(stalling)
        store = SQLAlchemyStore(stalling, timeout=timedelta(seconds=0.5))
        outlasts(server, sessions_on(store, grace=60), within=6)
    finally:
        stalling.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_stalled_async(engine: Engine, postgresql_server: Server, driver: str) -> None:
    """The same on a loop."""

    async def use() -> None:
        name = {"psycopg": "psycopg_async", "asyncpg": "asyncpg"}[driver]
        stalling = create_async_engine(postgresql_url(postgresql_server, name), connect_args=documented(driver))
        try:
            store = AsyncSQLAlchemyStore(stalling, timeout=timedelta(seconds=0.5))
            await outlasts_on_a_loop(postgresql_server, sessions_on(store, grace=60), within=6)
        finally:
            await stalling.dispose()

    asyncio.run(use())


@pytest.mark.parametrize("is_async", [False, True])
def test_a_subject_of_many_sessions(engine: Engine, postgresql_server: Server, *, is_async: bool) -> None:
    """All of them end, though that takes longer than the database may take for one answer."""
    slowly = """
        CREATE OR REPLACE FUNCTION jwtguard_slowly() RETURNS trigger AS $$
        BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$ LANGUAGE plpgsql;
        CREATE TRIGGER slowly BEFORE UPDATE ON jwtguard_session FOR EACH STATEMENT
        EXECUTE FUNCTION jwtguard_slowly();
    """
    async_engine = create_async_engine(postgresql_url(postgresql_server, "psycopg_async"), poolclass=NullPool)
    limit = timedelta(seconds=1.5)
    store = AsyncSQLAlchemyStore(async_engine, timeout=limit) if is_async else SQLAlchemyStore(engine, timeout=limit)
    with asyncio.Runner() as runner:
        bench = StoreBench(store, runner, has_own_clock=True)
        for _ in range(4 * MANY + 1):
            bench.create()
        try:
            with engine.begin() as connection:
                connection.execute(text(slowly))
            assert bench.revoke_all() == 4 * MANY + 1
        finally:
            with engine.begin() as connection:
                connection.execute(text("DROP TRIGGER slowly ON jwtguard_session"))
        assert bench.listed() == []


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_one_trip(engine: Engine, postgresql_server: Server, driver: str) -> None:
    """A rotation is one statement and one round trip, without a transaction around it."""

    async def use(proxy: Proxy, url: str) -> int:
        engine = create_async_engine(url)
        sessions = sessions_on(AsyncSQLAlchemyStore(engine), grace=0)
        token = (await sessions.start("user-1")).refresh_token
        for _ in range(10):  # Until everything is prepared that is going to be.
            token = (await sessions.refresh(token)).refresh_token
        before = proxy.trips
        proxy.sent = b""
        for _ in range(10):
            token = (await sessions.refresh(token)).refresh_token
        trips = proxy.trips - before
        await engine.dispose()
        return trips

    with Proxy(postgresql_server.port) as proxy:
        name = {"psycopg": "psycopg_async", "asyncpg": "asyncpg"}[driver]
        url = f"postgresql+{name}://postgres@{LOOPBACK}:{proxy.port}/postgres"
        assert asyncio.run(use(proxy, url)) == 10
        assert b"BEGIN" not in proxy.sent
        assert b"COMMIT" not in proxy.sent


def test_one_statement(engine: Engine) -> None:
    """Taken: one UPDATE. Not taken: the same UPDATE, and a read of its own."""
    bench = StoreBench(SQLAlchemyStore(engine), asyncio.Runner(), has_own_clock=True)
    session_id = bench.create()
    statements = statements_of(engine)
    assert bench.take(session_id, 0, grace=60).is_rotated
    assert [statement.split()[0] for statement in statements] == ["UPDATE"]
    statements.clear()
    assert not bench.take(session_id, 1, grace=60).is_rotated
    assert [statement.split()[0] for statement in statements] == ["UPDATE", "SELECT"]
    statements.clear()
    bench.find(session_id)
    assert [statement.split()[0] for statement in statements] == ["SELECT"]


def test_a_transaction_of_yours(engine: Engine) -> None:
    """An open transaction of the application neither delays nor undoes the store's writes, and is left as it was."""
    sessions = sessions_on(SQLAlchemyStore(engine), grace=0)
    subject = StoreBench(sessions.store, asyncio.Runner()).subject
    with engine.begin() as yours:
        yours.execute(text("CREATE TABLE IF NOT EXISTS yours (a int)"))
        answer = sessions.start(subject).run()
        assert sessions.end_all(subject).run() == 1
        yours.rollback()
    assert refused(sessions, answer.refresh_token) == "revoked"
    with engine.connect() as later:
        later.execute(text("CREATE TEMPORARY TABLE probe (a int)"))
        later.rollback()
        assert later.execute(text("SELECT to_regclass('probe')")).scalar() is None


@pytest.mark.parametrize(("detected", "times"), [(True, 0), (False, 2), (NotImplementedError, 2)])
def test_an_engine_in_autocommit(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, detected: bool | type[Exception], times: int
) -> None:
    """An engine in autocommit needs no change of its mode around each call, if its driver tells it."""
    bench = StoreBench(SQLAlchemyStore(engine), asyncio.Runner(), has_own_clock=True)
    session_id = bench.create()
    levels: list[str] = []

    def detect(connection: object) -> bool:
        if isinstance(detected, bool):
            return detected
        raise detected

    monkeypatch.setattr(engine.dialect, "detect_autocommit_setting", detect, raising=False)
    monkeypatch.setattr(engine.dialect, "set_isolation_level", lambda _, level: levels.append(level))
    assert bench.take(session_id, 0).is_rotated
    assert len(levels) == times


def test_a_lost_race_in_strict_isolation(engine: Engine, url: str) -> None:
    """The loser of a rotation is told the row as it is; who ends a session that was just refreshed ends it."""
    strict = create_engine(url, connect_args={"options": r"-c default_transaction_isolation=serializable"})
    bench = StoreBench(SQLAlchemyStore(strict), asyncio.Runner(), has_own_clock=True)
    session_id = bench.create()

    def during_another_refresh(call: Callable[[], T]) -> T:
        with engine.connect() as other, ThreadPoolExecutor(1) as threads:
            other.execute(session_table.update().values(generation=session_table.c.generation + 1))
            waiting = threads.submit(call)
            with engine.connect() as watcher:
                locks = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                while not watcher.execute(locks).scalar():
                    watcher.rollback()
            other.commit()
            return waiting.result()

    taken = during_another_refresh(lambda: bench.take(session_id, 0))
    assert not taken.is_rotated
    assert taken.session is not None
    assert taken.session.generation == 1
    assert during_another_refresh(lambda: bench.revoke(session_id)) is True
    assert bench.found(session_id).state == "revoked"
    strict.dispose()


def test_an_error_of_another_kind(engine: Engine) -> None:
    """Only a lost race is classified by the row: whatever else the database says goes through."""
    store = SQLAlchemyStore(engine)
    bench = StoreBench(store, asyncio.Runner(), has_own_clock=True)
    session_id = bench.create()
    assert not bench.take(session_id, 2**80).is_rotated
    with engine.connect() as other, engine.connect() as watcher:
        other.execute(text("LOCK TABLE jwtguard_session"))
        timer = threading.Timer(0.2, lambda: watcher.execute(terminate))
        terminate = text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
        timer.start()
        with pytest.raises(DBAPIError):
            bench.revoke(session_id)
        timer.join()


def test_purge_goes_by_batches(engine: Engine) -> None:
    """Each statement of a purge deletes a bounded number of rows."""
    bench = StoreBench(SQLAlchemyStore(engine), asyncio.Runner(), has_own_clock=True)
    dead = {"issuer": ISSUER, "subject": "dead", "generation": 0, "created_at": 0.0, "expires_at": 1.0, "ends_at": 1.0}
    with engine.begin() as connection:
        connection.execute(session_table.insert(), [{"session_id": f"dead-{number}", **dead} for number in range(1001)])
    assert bench.purge() >= 1001
    assert bench.purge() == 0


def test_one_loop(postgresql_server: Server, engine: Engine) -> None:
    """An async store serves the loop it first ran on, and names the sync class everywhere else."""
    async_engine = create_async_engine(postgresql_url(postgresql_server, "asyncpg"))
    store = AsyncSQLAlchemyStore(async_engine)

    async def find() -> Session | None:
        return await store.find("unknown", now=0)

    with asyncio.Runner() as runner:
        assert runner.run(find()) is None
        with asyncio.Runner() as other, pytest.raises(ConfigurationError, match="use SQLAlchemyStore"):
            other.run(find())
        with pytest.raises(ConfigurationError, match=r"is asynchronous.*use SQLAlchemyStore"):
            sessions_on(store, grace=0).end_all("user-1").run()
        runner.run(async_engine.dispose())


def test_the_wrong_engine(engine: Engine, tmp_path: Path) -> None:
    """Said when the store is made."""
    for wrong in ("sqlite://", create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/s.db")):
        with pytest.raises(ConfigurationError, match="create_engine"):
            SQLAlchemyStore(wrong)  # type: ignore[arg-type]
    for other in ("sqlite://", engine):
        with pytest.raises(ConfigurationError, match="create_async_engine"):
            AsyncSQLAlchemyStore(other)  # type: ignore[arg-type]
