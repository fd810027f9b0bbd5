"""What a session weighs in each store, how many statements each step asks for, and what one look-up costs."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from redis import Redis
from sqlalchemy import event, text

from benchmarks.databases import (
    IDLE_LIFETIME,
    folder,
    new_session,
    postgresql_engine,
    postgresql_server,
    redis_server,
    reporting,
    stores,
)
from benchmarks.measuring import Findings, Pace, interleaved, repeat
from benchmarks.tokens import ISSUER
from jwtguard.core.sessions.store_protocol import RotationRequest
from jwtguard.stores.memory import MemoryStore
from jwtguard.stores.redis import RedisStore
from jwtguard.stores.sqlalchemy import SQLAlchemyStore, metadata
from jwtguard.stores.sqlite import SQLiteStore
from tests.processes import LOOPBACK

_TIMED = 500
"""Sessions in each store while its steps are timed, so that no store measures a single hot row."""

_numbers = itertools.count(_TIMED)
LOGIN, LOGIN_AND_LOGOUT = "login", "login and logout"

Weigh = Callable[[], int]
Count = Callable[[], int]


def measure(pace: Pace) -> Findings:
    """Fill each store with sessions, let each of them take a turn, and look at what is there; then time the steps."""
    findings, sessions = Findings(), pace.of(full=5_000, quick=500)
    findings.facts["sessions"] = sessions
    for name, opened in _OPENED.items():
        with reporting(findings.left_out), opened() as (store, weigh, count):
            findings.facts[name] = _fill(store, weigh, count, sessions)
    # Other stores than those whose calls are counted.
    with stores([]) as timed:
        for store in timed.values():
            for number in range(_TIMED):
                store.create(new_session(number, issuer=ISSUER), now=time.time())
        for name, store in timed.items():
            steps = {"look-up": _finding(store), LOGIN: _creating(store), LOGIN_AND_LOGOUT: _ending(store)}
            findings.series += interleaved(name, {step: repeat(once) for step, once in steps.items()}, pace)
    return findings


def _fill(store: Any, weigh: Weigh, count: Count, sessions: int) -> dict[str, object]:
    now, empty = time.time(), weigh()
    statements = {}
    for number in range(sessions):
        before = count()
        store.create(new_session(number, issuer=ISSUER), now=now)
        statements["login"] = count() - before
    filled = weigh()
    for number in range(sessions):
        before = count()
        taken = store.rotate(
            RotationRequest(session_id=f"{number:027d}", generation=0),
            now=now + 60,
            grace=0,
            idle_lifetime=IDLE_LIFETIME,
        )
        statements["refresh"] = count() - before
        assert taken.is_rotated
    turned = weigh()
    for number in range(2):  # The second time: at the first, Redis may have to be taught the script.
        before = count()
        store.find(f"{number:027d}", now=now)
        statements["look-up"] = count() - before
        before = count()
        store.revoke(f"{number:027d}", now=now)
        statements["logout"] = count() - before
    return {
        "bytes": round((filled - empty) / sessions),
        "bytes_after_a_turn": round((turned - empty) / sessions),
        "statements": statements,
    }


def _finding(store: Any) -> Callable[[], object]:
    numbers, now = itertools.cycle(range(_TIMED)), time.time()

    def find() -> None:
        assert store.find(f"{next(numbers):027d}", now=now) is not None

    return find


def _creating(store: Any) -> Callable[[], object]:
    return lambda: store.create(new_session(next(_numbers), issuer=ISSUER), now=time.time())


def _ending(store: Any) -> Callable[[], object]:
    def end() -> None:
        session = new_session(next(_numbers), issuer=ISSUER)
        store.create(session, now=time.time())
        # A session ends once, so each needs a login of its own.
        assert store.revoke(session.session_id, now=time.time())

    return end


# Each store with how to weigh what it holds, in bytes, and how to count what it was asked for.


@contextlib.contextmanager
def _memory() -> Iterator[tuple[Any, Weigh, Count]]:
    tracemalloc.start()
    try:
        yield MemoryStore(), lambda: tracemalloc.get_traced_memory()[0], lambda: 0
    finally:
        tracemalloc.stop()


@contextlib.contextmanager
def _sqlite() -> Iterator[tuple[Any, Weigh, Count]]:
    asked = 0

    def trace(statement: str) -> None:
        nonlocal asked
        asked += 1

    class Traced(sqlite3.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.set_trace_callback(trace)

    connect = sqlite3.connect
    with folder() as path:
        file = path / "sessions.db"
        sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Traced, **kwargs)  # type: ignore[assignment]
        try:
            store = SQLiteStore(file)
            store.find("-", now=0)
        finally:
            sqlite3.connect = connect

        def weigh() -> int:
            with contextlib.closing(connect(file)) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return file.stat().st_size

        with store:
            yield store, weigh, lambda: asked


@contextlib.contextmanager
def _postgresql() -> Iterator[tuple[Any, Weigh, Count]]:
    with postgresql_server() as server:
        engine = postgresql_engine(server)
        metadata.create_all(engine)
        asked = 0

        def note(*_: object) -> None:
            nonlocal asked
            asked += 1

        event.listen(engine, "before_cursor_execute", note)

        def weigh() -> int:
            with engine.connect() as connection:
                size = text("SELECT pg_total_relation_size('jwtguard_session')")
                return int(connection.execute(size).scalar_one())

        yield SQLAlchemyStore(engine), weigh, lambda: asked
        engine.dispose()


@contextlib.contextmanager
def _redis() -> Iterator[tuple[Any, Weigh, Count]]:
    with redis_server() as server, Redis(host=LOOPBACK, port=server.port) as client:

        def calls() -> int:
            # What a script calls inside is counted too, so only the scripts and commands that were sent.
            answered: Any = client.info("commandstats")
            return sum(answered.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("eval", "evalsha"))

        def weigh() -> int:
            answered: Any = client.info("memory")
            return int(answered["used_memory"])

        yield RedisStore(client), weigh, calls


_OPENED = {"memory": _memory, "SQLite": _sqlite, "PostgreSQL": _postgresql, "Redis": _redis}
