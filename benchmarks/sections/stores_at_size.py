"""Whether a login, a refresh and a list cost more where a million sessions are stored than where a thousand are."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import create_engine

from benchmarks.databases import IDLE_LIFETIME, folder, new_session, postgresql_server, reporting
from benchmarks.measuring import Findings, Pace, interleaved, repeat
from benchmarks.tokens import ISSUER
from jwtguard.core.sessions.store_protocol import RotationRequest
from jwtguard.stores.sqlalchemy import SQLAlchemyStore, metadata
from jwtguard.stores.sqlite import SQLiteStore
from tests.processes import LOOPBACK, Server

SMALL = 1_000
_COLUMNS = "session_id, issuer, subject, generation, created_at, expires_at, ends_at"
_ROWS = """
INSERT INTO jwtguard_session ({columns})
SELECT {ids}, '{issuer}', 'user-' || MOD(n, 500000), 0,
    {now} - MOD(n, 86400), {now} + 1209600, {now} + 7776000 - MOD(n, 86400)
FROM {numbers}
"""
_numbers = itertools.count(10_000_000)


def measure(pace: Pace) -> Findings:
    """Each step of each store as a group, the two sizes as contenders. No row is dead."""
    findings, large = Findings(), pace.of(full=1_000_000, quick=20_000)
    findings.facts["rows"] = [SMALL, large]
    for name, opened in _OPENED.items():
        with reporting(findings.left_out), opened(large) as stores:
            for step, make in _STEPS.items():
                batches = {str(rows): repeat(make(store)) for rows, store in stores.items()}
                findings.series += interleaved(f"{name}: {step}", batches, pace)
    return findings


def _login(store: Any) -> Callable[[], object]:
    return lambda: store.create(new_session(next(_numbers), issuer=ISSUER), now=time.time())


def _refresh(store: Any) -> Callable[[], object]:
    session = new_session(next(_numbers), issuer=ISSUER)
    store.create(session, now=time.time())
    generations = itertools.count()

    def refresh() -> None:
        turn = RotationRequest(session_id=session.session_id, generation=next(generations))
        assert store.rotate(turn, now=time.time(), grace=0, idle_lifetime=IDLE_LIFETIME).is_rotated

    return refresh


def _list(store: Any) -> Callable[[], object]:
    return lambda: store.list(issuer=ISSUER, subject="user-1", now=time.time())


_STEPS = {"login": _login, "refresh": _refresh, "list": _list}


@contextlib.contextmanager
def _sqlite(large: int) -> Iterator[Mapping[int, Any]]:
    numbers = "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}) SELECT n"
    with contextlib.ExitStack() as open_things:
        path = open_things.enter_context(folder())
        stores = {}
        for rows in (SMALL, large):
            store = stores[rows] = open_things.enter_context(SQLiteStore(path / f"{rows}.db"))
            store.find("unknown", now=0)
            with contextlib.closing(sqlite3.connect(path / f"{rows}.db")) as connection:
                values = {"ids": "printf('%027d', n)", "numbers": f"{numbers.format(rows=rows)} FROM numbers)"}
                connection.execute(_ROWS.format(columns=_COLUMNS, issuer=ISSUER, now=time.time(), **values))
                connection.commit()
        yield stores


@contextlib.contextmanager
def _postgresql(large: int) -> Iterator[Mapping[int, Any]]:
    with contextlib.ExitStack() as open_things:
        server = open_things.enter_context(postgresql_server())
        stores = {}
        for rows in (SMALL, large):
            engine = _engine(server, f"of_{rows}")
            open_things.callback(engine.dispose)
            metadata.create_all(engine)
            with engine.connect() as connection:
                values = {"ids": "lpad(n::text, 27, '0')", "numbers": f"generate_series(1, {rows}) n"}
                connection.exec_driver_sql(_ROWS.format(columns=_COLUMNS, issuer=ISSUER, now=time.time(), **values))
                connection.exec_driver_sql("ANALYZE jwtguard_session")
                connection.commit()
            stores[rows] = SQLAlchemyStore(engine)
        yield stores


def _engine(server: Server, schema: str) -> Any:
    url = f"postgresql+psycopg://postgres@{LOOPBACK}:{server.port}/postgres"
    maker = create_engine(url, isolation_level="AUTOCOMMIT")
    with maker.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    maker.dispose()
    return create_engine(url, connect_args={"options": f"-c search_path={schema}"})


_OPENED: Mapping[str, Callable[[int], contextlib.AbstractContextManager[Mapping[int, Any]]]] = {
    "SQLite": _sqlite,
    "PostgreSQL": _postgresql,
}
