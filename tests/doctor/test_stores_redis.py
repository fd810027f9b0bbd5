"""Redis as it is set up: real servers that may drop keys, forget what they were told, or hang."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from jwtguard.core.flow import Call, Flow, Steps
from jwtguard.doctor.bounded_call import answer_of
from jwtguard.doctor.stores import check_redis, check_stores_answer
from jwtguard.stores.redis import AsyncRedisStore, RedisStore
from tests.doctor.contexts import codes, context, sessions
from tests.servers import LOOPBACK, Server, redis_cluster_server, redis_server

__all__ = ["redis_cluster_server", "redis_server"]

TIMEOUTS: dict[str, Any] = {"socket_timeout": 5, "socket_connect_timeout": 5}


@pytest.fixture
def client(redis_server: Server) -> Iterator[redis.Redis]:
    """A client of a server whose settings are put back."""
    with redis.Redis(host=LOOPBACK, port=redis_server.port, **TIMEOUTS) as found:
        yield found
        found.config_set("maxmemory-policy", "noeviction")
        found.config_set("maxmemory", 0)
        found.config_set("appendonly", "yes")


def asked(client: Any) -> list[tuple[str, str]]:
    """What is found out about the server of `client`."""
    return codes(check_redis(context(sessions=[sessions(store=RedisStore(client))], asks_network=True)))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        ({"maxmemory": "100mb"}, []),
        ({"maxmemory-policy": "allkeys-lru"}, [("warning", "redis_evicts")]),
        ({"maxmemory-policy": "allkeys-lru", "maxmemory": "100mb"}, [("error", "redis_evicts")]),
        ({"maxmemory-policy": "volatile-ttl", "maxmemory": "100mb"}, [("error", "redis_evicts")]),
        ({"appendonly": "no"}, [("note", "redis_forgets")]),
    ],
)
def test_settings(client: redis.Redis, settings: dict[str, str], expected: list[tuple[str, str]]) -> None:
    """An eviction policy may drop sessions; without an append-only file a crash brings ended ones back."""
    for name, value in settings.items():
        client.config_set(name, value)
    assert asked(client) == expected


def test_a_client_without_time_outs(client: redis.Redis, redis_server: Server) -> None:
    """A client that waits for ever is told of."""
    with redis.Redis(host=LOOPBACK, port=redis_server.port, socket_timeout=None) as patient:
        assert asked(patient) == [("warning", "redis_no_timeout")]


def test_async(client: redis.Redis, redis_server: Server) -> None:
    """An async client is asked on a loop of its own."""
    client.config_set("maxmemory-policy", "allkeys-random")
    asynchronous = redis.asyncio.Redis(host=LOOPBACK, port=redis_server.port, **TIMEOUTS)
    store = AsyncRedisStore(asynchronous)
    try:
        of_store = context(sessions=[sessions(store=store)], asks_network=True)
        assert codes(check_stores_answer(of_store)) == []
        assert codes(check_redis(of_store)) == [("warning", "redis_evicts")]
    finally:
        answer_of(lambda: Flow(closing(asynchronous)))


def closing(client: redis.asyncio.Redis) -> Steps[None]:
    """Close an async client, on the loop that it was used on."""
    yield Call(client.aclose)


def test_a_cluster(redis_cluster_server: Server) -> None:
    """In a cluster the worst of its nodes counts."""
    with redis.RedisCluster(host=LOOPBACK, port=redis_cluster_server.port, **TIMEOUTS) as cluster:
        assert asked(cluster) == []
        cluster.config_set("maxmemory-policy", "allkeys-lru")
        assert asked(cluster) == [("warning", "redis_evicts")]
        cluster.config_set("maxmemory-policy", "noeviction")


def test_a_server_that_is_not_there() -> None:
    """Nothing is known of it, which is said; that it does not answer is the error."""
    with redis.Redis(host=LOOPBACK, port=1, **TIMEOUTS) as client:
        assert asked(client) == [("note", "redis_settings_unknown")]
        found = check_stores_answer(context(sessions=[sessions(store=RedisStore(client))], asks_network=True))
        assert codes(found) == [("error", "store_unreachable")]


def test_offline(client: redis.Redis) -> None:
    """Offline the store is not called."""
    assert codes(check_redis(context(sessions=[sessions(store=RedisStore(client))]))) == []
