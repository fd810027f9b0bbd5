"""What goes wrong between us and Redis: races, crashes, silence; and what a rotation costs."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.retry
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from jwtguard import ConfigurationError, InvalidGrantError, Session, UnavailableError
from jwtguard.core.flow import run_async
from jwtguard.stores.redis import AsyncRedisStore, RedisStore
from jwtguard.stores.redis_sessions import RedisSessions
from jwtguard.testing.conformance.store_bench import ISSUER, StoreBench, rotation_of
from tests.proxy import Proxy
from tests.servers import LOOPBACK, Server
from tests.stores.faults import (
    REFRESHES,
    end_and_die,
    killed_refreshes,
    outlasts,
    outlasts_on_a_loop,
    page,
    race,
    recovers,
    refused,
    sessions_on,
)
from tests.stores.redis_clients import impatient, opened


@pytest.fixture
def client(redis_server: Server) -> Iterator[redis.Redis]:
    with impatient(redis_server.port) as client:
        client.flushall()
        yield client


def test_a_thousand_at_once(redis_server: Server) -> None:
    """One generation is rotated; all others are the replay of that generation."""
    outcomes, _ = race(partial(opened, redis_server.port), grace=60)
    assert outcomes == {"generation 1": REFRESHES, "event refreshed": 1, "event replayed": REFRESHES - 1}


def test_a_thousand_at_once_without_grace(redis_server: Server) -> None:
    """One generation is rotated at most; all others are refused."""
    outcomes, _ = race(partial(opened, redis_server.port), grace=0)
    assert outcomes["event refreshed"] == outcomes["generation 1"] == 1
    assert outcomes["reuse"] + outcomes["revoked"] == REFRESHES - 1


def test_killed_in_the_middle(redis_server: Server) -> None:
    """Fifty times kill -9: the client's last token goes on, and there is one branch."""
    killed_refreshes(partial(opened, redis_server.port))


def test_ended_is_ended_when_process_and_server_die(redis_server: Server, client: redis.Redis) -> None:
    """An answered logout has happened; and so after a crash of the server, where it keeps what it is told."""
    sessions = sessions_on(RedisStore(client), grace=0)
    token = sessions.start("user-1").run().refresh_token
    end_and_die(partial(opened, redis_server.port), token)
    assert refused(sessions, token) == "revoked"
    redis_server.kill()
    redis_server.start()
    assert recovers(lambda: refused(sessions, token)) == "revoked"


def test_killed_and_restarted(redis_server: Server, client: redis.Redis) -> None:
    """An unreachable server is a 503 and ends no session; a restarted one, without scripts, works again."""
    sessions = sessions_on(RedisStore(client), grace=0)
    token = sessions.start("user-1").run().refresh_token
    redis_server.kill()
    for attempt in (sessions.refresh(token), sessions.end(token), sessions.list("user-1"), sessions.start("user-1")):
        with pytest.raises(UnavailableError):
            attempt.run()
    redis_server.start()
    assert rotation_of(recovers(lambda: sessions.refresh(token).run()).refresh_token).generation == 1


def test_silent(redis_server: Server) -> None:
    """A partition: 503 within the client's time-out, and recovery; the generation was not taken."""
    with Proxy(redis_server.port) as proxy, impatient(proxy.port) as client:
        sessions = sessions_on(RedisStore(client), grace=0)
        token = sessions.start("user-1").run().refresh_token
        proxy.is_silent = True
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            sessions.refresh(token).run()
        assert time.monotonic() - began < 5
        proxy.is_silent = False
        assert rotation_of(recovers(lambda: sessions.refresh(token).run()).refresh_token).generation == 1


def test_silent_async(redis_server: Server) -> None:
    """The same on a loop."""

    async def use(port: int, proxy: Proxy) -> int:
        client = redis.asyncio.Redis(host=LOOPBACK, port=port, socket_timeout=0.3, retry=Retry(NoBackoff(), 0))
        sessions = sessions_on(AsyncRedisStore(client), grace=0)
        token = (await sessions.start("user-1")).refresh_token
        proxy.is_silent = True
        with pytest.raises(UnavailableError):
            await sessions.refresh(token)
        proxy.is_silent = False
        answer = await sessions.refresh(token)
        await client.aclose()
        return rotation_of(answer.refresh_token).generation

    with Proxy(redis_server.port) as proxy:
        assert asyncio.run(use(proxy.port, proxy)) == 1


def documented_client(kind: Any, retry: Any, port: int) -> Any:
    """A client with the settings of docs/sessions-stores.md."""
    (settings,) = re.findall(r"^client = Redis\((.*)\)$", page(), re.MULTILINE)
    names = {"Redis": kind, "Retry": retry, "NoBackoff": NoBackoff}
    return eval(f"Redis(host={LOOPBACK!r}, port={port}, {settings})", names)


def test_stalled(redis_server: Server) -> None:
    """A server that is stopped, whose kernel goes on to take what it is sent."""
    with documented_client(redis.Redis, redis.retry.Retry, redis_server.port) as client:
        outlasts(redis_server, sessions_on(RedisStore(client), grace=60), within=6)


def test_stalled_async(redis_server: Server) -> None:
    """The same on a loop."""

    async def use() -> None:
        async with documented_client(redis.asyncio.Redis, Retry, redis_server.port) as client:
            sessions = sessions_on(AsyncRedisStore(client), grace=60)
            await outlasts_on_a_loop(redis_server, sessions, within=6)

    asyncio.run(use())


def test_paused_for_longer_than_the_grace_time(redis_server: Server) -> None:
    """A retry that came in time is answered however late the server judges it, by a clock of its own."""
    client = redis.Redis(host=LOOPBACK, port=redis_server.port, socket_timeout=5)
    sessions = sessions_on(RedisStore(client), grace=0.5)
    first = sessions.start("user-1").run().refresh_token
    second = sessions.refresh(first).run().refresh_token
    client.client_pause(1000)
    assert rotation_of(sessions.refresh(first).run().refresh_token) == rotation_of(second)
    client.client_pause(600)
    assert client.ping()  # It waits, too.
    with pytest.raises(InvalidGrantError, match="reuse"):
        sessions.refresh(first).run()
    client.close()


def test_paused(redis_server: Server, client: redis.Redis) -> None:
    """A server that is busy for longer than the client waits: 503, then recovery."""
    sessions = sessions_on(RedisStore(client), grace=0)
    token = sessions.start("user-1").run().refresh_token
    with redis.Redis(host=LOOPBACK, port=redis_server.port) as other:
        other.client_pause(2000)
        with pytest.raises(UnavailableError):
            sessions.refresh(token).run()
        other.client_unpause()
    assert recovers(lambda: sessions.refresh(token).run())


def test_one_trip(redis_server: Server) -> None:
    """A rotation is one command: taken, replayed or refused. So is a look-up."""
    with Proxy(redis_server.port) as proxy, redis.Redis(host=LOOPBACK, port=proxy.port) as client:
        store = RedisStore(client)
        sessions = sessions_on(store, grace=0)
        token = sessions.start("user-1").run().refresh_token
        token = sessions.refresh(token).run().refresh_token
        store.find(rotation_of(token).session_id, now=0)
        before = proxy.trips
        for _ in range(10):
            token = sessions.refresh(token).run().refresh_token
        assert proxy.trips - before == 10
        sessions_on(store, grace=60).refresh(token).run()
        store.find(rotation_of(token).session_id, now=0)
        assert proxy.trips - before == 12


def test_scripts_are_taught_again(client: redis.Redis) -> None:
    """A server that knows no script gets its text once."""
    bench = StoreBench(RedisStore(client), asyncio.Runner(), has_own_clock=True)
    for flush in (True, False):
        if flush:
            client.script_flush()
        session_id = bench.create()
        assert bench.take(session_id, 0).is_rotated
        assert bench.revoke(session_id)


def test_keys(client: redis.Redis) -> None:
    """One key a session, with its id as hash tag, and one a subject; all begin with the prefix, and all go away."""
    bench = StoreBench(RedisStore(client, prefix="myapp:"), asyncio.Runner(), has_own_clock=True)
    session_id = bench.create(idle_lifetime=100, absolute_lifetime=1000)
    row, index = f"myapp:{{{session_id}}}", RedisSessions(None, "myapp:").index_key(ISSUER, bench.subject)
    assert {key.decode() for key in client.scan_iter()} == {row, index}
    assert bench.subject not in index
    assert 90 < client.ttl(row) <= 100
    assert 990 < client.ttl(index) <= 1000
    bench.take(session_id, 0, idle_lifetime=500)
    assert 490 < client.ttl(row) <= 500
    bench.revoke(session_id)
    assert 990 < client.ttl(row) <= 1000, "known as ended for as long as it could have lived"
    bench.create(absolute_lifetime=2000)
    bench.create(absolute_lifetime=10)
    assert 1990 < client.ttl(index) <= 2000, "the index lives as long as the last of its sessions"


def test_stale_names_are_pruned(client: redis.Redis) -> None:
    """A list of sessions removes deleted rows from the index; the next login removes rows that are long dead."""
    bench = StoreBench(RedisStore(client), asyncio.Runner(), has_own_clock=True)
    alive = bench.create()
    index = RedisSessions(None, "jwtguard:").index_key(ISSUER, bench.subject)
    bench.create(idle_lifetime=-1)
    assert client.zcard(index) == 2
    assert bench.listed() == [alive]
    assert client.zcard(index) == 1
    bench.create(idle_lifetime=-1)
    bench.revoke(bench.create())
    assert client.zcard(index) == 3
    assert bench.listed() == [alive]
    assert client.zcard(index) == 1, "an ended session is on no list again"
    assert bench.revoke_all() == 1
    assert client.zcard(index) == 0
    client.zadd(index, {"long dead": 1.0})
    bench.create()
    assert client.zscore(index, "long dead") is None


def test_ten_thousand_sessions_of_one_subject(redis_server: Server, client: redis.Redis) -> None:
    """Listed and ended in bounded pages, by the digests of scripts: other clients never wait long for the server."""
    index, now = RedisSessions(None, "jwtguard:").index_key(ISSUER, "crowd"), time.time()
    pipeline = client.pipeline(transaction=False)
    for number in range(10_000):
        row: Any = {"issuer": ISSUER, "subject": "crowd", "generation": 0, "created_at": now - number}
        row |= {"expires_at": now + 3600, "ends_at": now + 3600}
        pipeline.hset(f"jwtguard:{{s{number}}}", mapping=row)
        pipeline.zadd(index, {f"s{number}": now + 3600})
    pipeline.execute()
    with Proxy(redis_server.port) as proxy, redis.Redis(host=LOOPBACK, port=proxy.port) as watched:
        bench = StoreBench(RedisStore(watched), asyncio.Runner(), has_own_clock=True)
        client.script_flush()
        client.config_set("slowlog-log-slower-than", 35_000)
        client.slowlog_reset()
        assert bench.listed("crowd") == [f"s{number}" for number in range(1000)]
        assert len(proxy.sent) < 2_500_000
        assert bench.revoke_all("crowd") == 10_000
        assert bench.listed("crowd") == []
    assert client.slowlog_get() == []
    assert client.zcard(index) == 0


def test_an_error_in_a_page(client: redis.Redis) -> None:
    """An error in a page is raised: no row is left out silently."""
    bench = StoreBench(RedisStore(client), asyncio.Runner(), has_own_clock=True)
    session_id = bench.create()
    client.delete(f"jwtguard:{{{session_id}}}")
    client.set(f"jwtguard:{{{session_id}}}", "no hash")
    with pytest.raises(redis.ResponseError):
        bench.listed()
    with pytest.raises(redis.ResponseError):
        bench.revoke_all()


def test_full(client: redis.Redis) -> None:
    """A server without memory left: a login is a 503, and reads work."""
    sessions = sessions_on(RedisStore(client), grace=0)
    token = sessions.start("user-1").run().refresh_token
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(UnavailableError):
            sessions.start("user-2").run()
        with pytest.raises(UnavailableError):
            sessions.refresh(token).run()
    finally:
        client.config_set("maxmemory", 0)
    assert sessions.refresh(token).run()


def test_one_loop(redis_server: Server) -> None:
    """An async store serves the loop it first ran on, and names the sync class everywhere else."""
    client = redis.asyncio.Redis(host=LOOPBACK, port=redis_server.port, retry=Retry(NoBackoff(), 0))
    store = AsyncRedisStore(client)

    async def find() -> Session | None:
        return await store.find("unknown", now=0)

    with asyncio.Runner() as runner:
        assert runner.run(find()) is None
        assert runner.run(run_async(sessions_on(store, grace=0).purge())) == 0
        with asyncio.Runner() as other, pytest.raises(ConfigurationError, match="use RedisStore"):
            other.run(find())
        with pytest.raises(ConfigurationError, match=r"AsyncRedisStore.find is asynchronous.*use RedisStore"):
            sessions_on(store, grace=0).end_session("user-1", "unknown").run()
        runner.run(client.aclose())


def test_the_wrong_client(client: redis.Redis) -> None:
    """Said when the store is made."""
    with pytest.raises(ConfigurationError, match="AsyncRedisStore"):
        RedisStore(redis.asyncio.Redis())  # type: ignore[arg-type]
    for wrong in (client, "redis://localhost", redis.asyncio.Redis):
        with pytest.raises(ConfigurationError, match=r"redis\.asyncio\.Redis"):
            AsyncRedisStore(wrong)  # type: ignore[arg-type]
    for other in ("redis://localhost", redis.Redis):
        with pytest.raises(ConfigurationError, match=r"redis\.Redis"):
            RedisStore(other)  # type: ignore[arg-type]
