"""No statement of a store reads the whole table, however many rows it has: on SQLAlchemy's databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine

from jwtguard.stores.sqlalchemy import AsyncSQLAlchemyStore, SQLAlchemyStore, metadata
from jwtguard.testing import StoreBench
from tests.servers import Server
from tests.stores.plans import Plans, filling, use
from tests.stores.sqlalchemy_engines import engine_for, mariadb_url, postgresql_url

pytestmark = pytest.mark.servers


def urls(name: str, request: pytest.FixtureRequest, folder: Path) -> Sequence[str]:
    """The URLs of a database of the tests' own, for a synchronous driver and for an asynchronous one."""
    if name == "sqlite":
        return [f"sqlite:///{folder}/sessions.db", f"sqlite+aiosqlite:///{folder}/sessions.db"]
    if name == "postgresql":
        server: Server = request.getfixturevalue("postgresql_server")
        return [postgresql_url(server, driver) for driver in ("psycopg", "asyncpg")]
    server = request.getfixturevalue("mariadb_server")
    return [mariadb_url(server, driver, dialect=name, database="plans") for driver in ("pymysql", "asyncmy")]


def plans_of(engine: Engine) -> Plans:
    """The plans of what goes to the database from now on."""

    def explain(statement: str, values: Any) -> list[Any]:
        with engine.connect() as connection:
            return [*connection.exec_driver_sql(statement, values).mappings()]

    plans = Plans("mysql" if engine.dialect.name == "mariadb" else engine.dialect.name, explain)

    def see(connection: object, cursor: object, statement: str, values: Any, *_: object) -> None:
        plans.see(statement, values)

    event.listen(engine, "before_cursor_execute", see)
    return plans


def fill(engine: Engine, *, is_half_dead: bool, is_analyzed: bool = True) -> None:
    plans = plans_of(engine)  # For the family.
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        statements = filling(plans.family, now=time.time(), is_half_dead=is_half_dead, is_analyzed=is_analyzed)
        for statement in statements:
            connection.exec_driver_sql(statement if plans.family == "sqlite" else statement.replace("%", "%%"))


@pytest.mark.parametrize(
    ("name", "is_half_dead", "is_analyzed"),
    [
        ("sqlite", False, True),
        ("sqlite", True, True),
        ("sqlite", True, False),
        ("postgresql", False, True),
        ("postgresql", True, True),
        ("postgresql", True, False),
        ("mariadb", False, True),
        ("mariadb", True, True),
        ("mariadb", True, False),
        ("mysql", True, True),
    ],
)
def test_each_statement_uses_an_index(
    request: pytest.FixtureRequest, tmp_path: Path, name: str, is_half_dead: bool, is_analyzed: bool
) -> None:
    """Login, refresh, look-up, list, both ends and purging, of 100,000 rows, synchronous and asynchronous; where the
    database has no statistics of them, too.
    """
    sync_url, async_url = urls(name, request, tmp_path)
    with engine_for(sync_url) as engine, asyncio.Runner() as runner:
        async_engine = create_async_engine(async_url)
        try:
            fill(engine, is_half_dead=is_half_dead, is_analyzed=is_analyzed)
            bench = StoreBench(AsyncSQLAlchemyStore(async_engine), runner, has_own_clock=True)
            plans = plans_of(async_engine.sync_engine)
            use(bench)
            plans.check(at_least=10 if is_half_dead else 9)
            bench, plans = StoreBench(SQLAlchemyStore(engine), runner, has_own_clock=True), plans_of(engine)
            use(bench)
            bench.purge()
            plans.check(at_least=7)
        finally:
            runner.run(async_engine.dispose())
            metadata.drop_all(engine)


@pytest.mark.parametrize(
    ("name", "conditions"),
    [
        ("sqlite", ["label = 'x'", "1 ORDER BY ends_at", "issuer > 'a' ORDER BY label"]),
        (
            "postgresql",
            [
                "label = 'x'",
                "ends_at <= extract(epoch FROM clock_timestamp())",
                "true ORDER BY ends_at",
                "issuer > 'a' ORDER BY label",
            ],
        ),
        ("mariadb", ["label = 'x'", "ends_at + 1 <= 5", "issuer > 'a' ORDER BY label"]),
    ],
)
def test_what_reads_the_whole_table_is_found(
    request: pytest.FixtureRequest, tmp_path: Path, name: str, conditions: Sequence[str]
) -> None:
    """The plans say so."""
    with engine_for(urls(name, request, tmp_path)[0]) as engine:
        try:
            fill(engine, is_half_dead=False)
            for condition in conditions:
                plans = plans_of(engine)
                with engine.connect() as connection:
                    connection.execute(text(f"SELECT session_id FROM jwtguard_session WHERE {condition} LIMIT 4"))
                with pytest.raises(AssertionError):
                    plans.check(at_least=1)
        finally:
            metadata.drop_all(engine)
