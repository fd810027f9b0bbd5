"""Engines on the tests' databases, with the table made."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, event, select

from jwtguard.stores.session_table import session_table
from jwtguard.stores.sqlalchemy import SQLAlchemyStore, metadata
from tests.servers import LOOPBACK, Server


def postgresql_url(server: Server, driver: str) -> str:
    return f"postgresql+{driver}://postgres@{LOOPBACK}:{server.port}/postgres"


def mariadb_url(server: Server, driver: str, *, dialect: str = "mariadb", database: str = "test") -> str:
    """The URL of a database, which is made if it is not there: in latin1 if its name begins so."""
    import pymysql

    with pymysql.connect(host=LOOPBACK, port=server.port, user="root") as link, link.cursor() as cursor:
        charset = "latin1" if database.startswith("latin1") else "utf8mb4"
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET {charset}")
    return f"{dialect}+{driver}://root@{LOOPBACK}:{server.port}/{database}?charset=utf8mb4"


@contextmanager
def engine_for(url: str) -> Iterator[Engine]:
    """An engine whose database has the table."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _in_wal_mode)
    try:
        metadata.create_all(engine)
        yield engine
    finally:
        engine.dispose()


def _in_wal_mode(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")


def rows(engine: Engine) -> list[str]:
    """Every row as text."""
    with engine.connect() as connection:
        return [repr(tuple(row)) for row in connection.execute(select(session_table))]


def statements_of(engine: Engine) -> list[str]:
    """A list to which every statement is added that goes to the database."""
    statements: list[str] = []

    def add(connection: object, cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", add)
    return statements


@contextmanager
def opened(url: str) -> Iterator[SQLAlchemyStore]:
    """A store for another process."""
    engine = create_engine(url)
    try:
        yield SQLAlchemyStore(engine)
    finally:
        engine.dispose()
