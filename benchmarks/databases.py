"""Databases for a measurement: a fresh SQLite file, PostgreSQL and Redis servers of our own, each told not to wait for
the disk.

Waiting would be the same for each contender, and so long that it would hide each one's own cost.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from benchmarks.measuring import MissingError
from jwtguard.core.sessions.store_protocol import NewSession
from tests.processes import LOOPBACK, MissingProgramError, Server, postgresql, redis

ABSOLUTE_LIFETIME, IDLE_LIFETIME = 90 * 86400.0, 14 * 86400.0


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as path:
        yield Path(path)


@contextlib.contextmanager
def postgresql_server() -> Iterator[Server]:
    """PostgreSQL, where `fsync` is off; raises `MissingError` if it is not on this machine."""
    with _missing(), postgresql(synchronous_commit="off") as server:
        yield server


@contextlib.contextmanager
def redis_server() -> Iterator[Server]:
    """Redis without persistence; raises `MissingError` if it is not on this machine."""
    with _missing(), redis("--appendonly", "no") as server:
        yield server


@contextlib.contextmanager
def _missing() -> Iterator[None]:
    try:
        yield
    except MissingProgramError as error:
        raise MissingError(str(error)) from None


def postgresql_engine(server: Server) -> Any:
    """An engine on psycopg, with its pool."""
    return create_engine(f"postgresql+psycopg://postgres@{LOOPBACK}:{server.port}/postgres")


@contextlib.contextmanager
def stores(left_out: list[str]) -> Iterator[dict[str, Any]]:
    """Our stores by the name of their database, as many as this machine has; the others go into `left_out`."""
    from redis import Redis

    from jwtguard.stores.redis import RedisStore
    from jwtguard.stores.sqlalchemy import SQLAlchemyStore, metadata
    from jwtguard.stores.sqlite import SQLiteStore

    with contextlib.ExitStack() as open_things:
        path = open_things.enter_context(folder()) / "sessions.db"
        found: dict[str, Any] = {"SQLite": open_things.enter_context(SQLiteStore(path))}
        with reporting(left_out):
            server = open_things.enter_context(postgresql_server())
            engine = postgresql_engine(server)
            open_things.callback(engine.dispose)
            metadata.create_all(engine)
            found["PostgreSQL"] = SQLAlchemyStore(engine)
        with reporting(left_out):
            server = open_things.enter_context(redis_server())
            client = Redis(host=LOOPBACK, port=server.port)
            open_things.callback(client.close)
            found["Redis"] = RedisStore(client)
        yield found


@contextlib.contextmanager
def reporting(left_out: list[str]) -> Iterator[None]:
    """What is not on this machine is left out and said."""
    try:
        yield
    except MissingError as error:
        left_out.append(str(error))


def new_session(number: int, *, issuer: str) -> NewSession:
    """A session as `Sessions` makes them."""
    return NewSession(
        session_id=f"{number:027d}",
        issuer=issuer,
        subject=f"user-{number}",
        label="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        idle_lifetime=IDLE_LIFETIME,
        absolute_lifetime=ABSOLUTE_LIFETIME,
    )
