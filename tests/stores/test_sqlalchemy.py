"""The contract of session stores, for SQLAlchemy on each database and each driver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from jwtguard import ConfigurationError
from jwtguard.stores.sqlalchemy import AsyncSQLAlchemyStore, SQLAlchemyStore, metadata
from jwtguard.testing import StoreBench, StoreConformance
from tests.servers import Server
from tests.stores.sqlalchemy_engines import engine_for, mariadb_url, postgresql_url, rows


@pytest.mark.parametrize(
    "make",
    [
        lambda: SQLAlchemyStore(create_engine("sqlite://")),
        lambda: AsyncSQLAlchemyStore(create_async_engine("sqlite+aiosqlite://")),
    ],
)
def test_a_database_of_another_kind(make: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine whose SQL the statements are not written in is refused when the store is made."""
    monkeypatch.setattr("sqlalchemy.dialects.sqlite.base.SQLiteDialect.name", "mssql")
    with pytest.raises(ConfigurationError, match="PostgreSQL, MariaDB, MySQL or SQLite, found 'mssql'"):
        make()


class SyncConformance(StoreConformance):
    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def store(self, url: str) -> Iterator[SQLAlchemyStore]:
        with engine_for(url) as engine:
            self.engine = engine
            yield SQLAlchemyStore(engine)

    def dump(self, bench: StoreBench) -> list[str]:
        return rows(self.engine)


class AsyncConformance(StoreConformance):
    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def async_url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def store(self, url: str, async_url: str, runner: asyncio.Runner) -> Iterator[AsyncSQLAlchemyStore]:
        with engine_for(url) as self.engine:
            engine = create_async_engine(async_url)
            yield AsyncSQLAlchemyStore(engine)
            runner.run(engine.dispose())

    def dump(self, bench: StoreBench) -> list[str]:
        return rows(self.engine)


class TestSQLite(SyncConformance):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/sessions.db"


class TestAsyncSQLite(AsyncConformance):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/sessions.db"

    @pytest.fixture
    def async_url(self, tmp_path: Path) -> str:
        return f"sqlite+aiosqlite:///{tmp_path}/sessions.db"


class TestPostgreSQL(SyncConformance):
    has_own_clock: ClassVar[bool] = True

    @pytest.fixture
    def url(self, postgresql_server: Server) -> str:
        return postgresql_url(postgresql_server, "psycopg")


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg_async"])
class TestAsyncPostgreSQL(AsyncConformance):
    has_own_clock: ClassVar[bool] = True

    @pytest.fixture
    def url(self, postgresql_server: Server) -> str:
        return postgresql_url(postgresql_server, "psycopg")

    @pytest.fixture
    def async_url(self, postgresql_server: Server, driver: str) -> str:
        return postgresql_url(postgresql_server, driver)


@pytest.mark.parametrize("dialect", ["mariadb", "mysql"])
class TestMariaDB(SyncConformance):
    """In a database of another character set, under both names that SQLAlchemy has for it."""

    has_own_clock: ClassVar[bool] = True

    @pytest.fixture
    def url(self, mariadb_server: Server, dialect: str) -> str:
        return mariadb_url(mariadb_server, "pymysql", dialect=dialect, database=f"latin1_{dialect}")

    def test_columns_that_ignore_spaces_and_accents(self, bench: StoreBench) -> None:
        """Statements tell names apart even so."""
        with self.engine.begin() as connection:
            for column in ("issuer", "subject"):
                column_type = "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
                connection.execute(text(f"ALTER TABLE jwtguard_session MODIFY {column} {column_type}"))
        try:
            self.test_names_are_compared_character_by_character(bench)
        finally:
            metadata.drop_all(self.engine)


@pytest.mark.parametrize("dialect", ["mariadb", "mysql"])
class TestAsyncMariaDB(AsyncConformance):
    has_own_clock: ClassVar[bool] = True

    @pytest.fixture
    def url(self, mariadb_server: Server, dialect: str) -> str:
        return mariadb_url(mariadb_server, "pymysql", dialect=dialect, database=f"of_{dialect}")

    @pytest.fixture
    def async_url(self, mariadb_server: Server, dialect: str) -> str:
        return mariadb_url(mariadb_server, "asyncmy", dialect=dialect, database=f"of_{dialect}")
