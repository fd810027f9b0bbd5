"""A rotation: our store beside the statement alone on the raw driver, and the whole refresh around it."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.databases import IDLE_LIFETIME, folder, new_session, postgresql_server, redis_server, stores
from benchmarks.measuring import Batch, Findings, Pace, interleaved, repeat
from benchmarks.tokens import AUDIENCE, ISSUER
from jwtguard import Grants, Sessions, SessionStore, SigningKey, TokenIssuer
from jwtguard.core.sessions.store_protocol import RotationRequest
from tests.processes import LOOPBACK

_ROWS = 1000
"""Sessions in the table, so that no contender measures a single hot row."""


def measure(pace: Pace) -> Findings:
    """Each database as a group: the raw driver, our store, and `Sessions.refresh` with it (ES256, a `load` that
    returns at once).
    """
    findings = Findings()
    with contextlib.ExitStack() as open_things:
        found = open_things.enter_context(stores(findings.left_out))
        for name, store in found.items():
            raw = open_things.enter_context(_RAW[name]())
            batches = {
                "raw driver": repeat(raw),
                "store": _taking(store),
                "refresh": _refreshing(store),
            }
            findings.series += interleaved(name, batches, pace)
    findings.series += interleaved("signing", _signing(), pace)
    return findings


def _taking(store: SessionStore) -> Batch:
    """Each turn of each session in order, as if its user had come back at once."""
    now = time.time()
    for number in range(_ROWS):
        store.create(new_session(number, issuer=ISSUER), now=now)
    turns = (
        RotationRequest(session_id=f"{n:027d}", generation=generation)
        for generation in itertools.count()
        for n in range(_ROWS)
    )

    def take() -> None:
        taken: Any = store.rotate(next(turns), now=time.time(), grace=0, idle_lifetime=IDLE_LIFETIME)
        assert taken.is_rotated

    return repeat(take)


def _refreshing(store: SessionStore) -> Batch:
    sessions = Sessions(
        issuer=TokenIssuer(
            issuer=ISSUER, audience=AUDIENCE, client_id="web", signing_keys=[SigningKey.generate("ES256", kid="a")]
        ),
        store=store,
        load=lambda subject: Grants(roles=["user"], scope=["reports:read"]),
        refresh_keys=[SigningKey.generate("HS256", kid="r")],
        grace=timedelta(0),
    )
    tokens = [sessions.start(f"user-{number}").run().refresh_token for number in range(100)]
    places = itertools.cycle(range(len(tokens)))

    def refresh() -> None:
        place = next(places)
        tokens[place] = sessions.refresh(tokens[place]).run().refresh_token

    return repeat(refresh)


def _signing() -> dict[str, Batch]:
    """What the issuer's algorithm alone makes of a login's or a refresh's price."""
    batches = {}
    for algorithm in ("HS256", "ES256", "EdDSA", "RS256"):
        key = SigningKey.generate(algorithm, kid="a")
        issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="web", signing_keys=[key])
        batches[algorithm] = repeat(partial(issuer.access_token, "user-1", roles=["user"]))
    return batches


# The same row and the same change by the driver alone, with its statement written out and its connection at hand.

_UPDATE = """
UPDATE session SET generation = generation + 1, refreshed_at = {now}
WHERE session_id = {id} AND generation = {generation} AND revoked_at IS NULL AND expires_at > {now}
"""
_TABLE = """
CREATE TABLE session (
    session_id varchar(64) PRIMARY KEY, issuer varchar(255), subject varchar(255), generation bigint,
    refreshed_at double precision, revoked_at double precision, expires_at double precision
)
"""
_INSERT = "INSERT INTO session VALUES ({}, {}, {}, 0, NULL, NULL, 1e12)"


def _turns() -> Iterator[tuple[str, int]]:
    return ((f"{n:027d}", generation) for generation in itertools.count() for n in range(_ROWS))


@contextlib.contextmanager
def _raw_sqlite() -> Iterator[Callable[[], None]]:
    with folder() as path, contextlib.closing(_sqlite(path / "raw.db")) as connection:
        connection.execute(_TABLE)
        insert = _INSERT.format("?", "?", "?")
        connection.executemany(insert, [(f"{n:027d}", ISSUER, f"user-{n}") for n in range(_ROWS)])
        update, turns = _UPDATE.format(now=":now", id=":id", generation=":generation"), _turns()

        def take() -> None:
            session_id, generation = next(turns)
            values = {"id": session_id, "generation": generation, "now": time.time()}
            assert connection.execute(update, values).rowcount == 1

        yield take


def _sqlite(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@contextlib.contextmanager
def _raw_postgresql() -> Iterator[Callable[[], None]]:
    import psycopg

    with postgresql_server() as server:
        where = f"host={LOOPBACK} port={server.port} user=postgres dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(_TABLE)
            insert: Any = _INSERT.format("%s", "%s", "%s")
            connection.cursor().executemany(insert, [(f"{n:027d}", ISSUER, f"user-{n}") for n in range(_ROWS)])
            now = "extract(epoch from clock_timestamp())"
            update: Any = _UPDATE.format(now=now, id="%s", generation="%s")
            turns = _turns()

            def take() -> None:
                assert connection.execute(update, next(turns)).rowcount == 1

            yield take


_SCRIPT = """
local now = redis.call('TIME')[1]
local row = redis.call('HMGET', KEYS[1], 'generation', 'revoked_at', 'expires_at')
if row[1] ~= ARGV[1] or row[2] or tonumber(row[3]) <= tonumber(now) then return 0 end
redis.call('HINCRBY', KEYS[1], 'generation', 1)
redis.call('HSET', KEYS[1], 'refreshed_at', now)
redis.call('EXPIRE', KEYS[1], 1209600)
return 1
"""


@contextlib.contextmanager
def _raw_redis() -> Iterator[Callable[[], None]]:
    from redis import Redis

    with redis_server() as server, Redis(host=LOOPBACK, port=server.port) as client:
        for number in range(_ROWS):
            row = {"issuer": ISSUER, "subject": f"user-{number}", "generation": 0, "expires_at": 1e12}
            client.hset(f"raw:{number:027d}", mapping=row)
        digest, turns = client.script_load(_SCRIPT), _turns()

        def take() -> None:
            session_id, generation = next(turns)
            assert client.evalsha(digest, 1, f"raw:{session_id}", generation) == 1

        yield take


_RAW = {"SQLite": _raw_sqlite, "PostgreSQL": _raw_postgresql, "Redis": _raw_redis}
