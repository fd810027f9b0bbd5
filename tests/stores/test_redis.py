"""The contract of session stores, for Redis and for a Redis cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import redis
import redis.asyncio

from jwtguard.stores.redis import AsyncRedisStore, RedisStore
from jwtguard.testing import StoreBench, StoreConformance
from tests.servers import LOOPBACK, Server


def dump(client: Any) -> list[str]:
    """Every key with all it holds, as text."""
    found = []
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        kind = kind.decode() if isinstance(kind, bytes) else kind
        value = client.hgetall(key) if kind == "hash" else client.zrange(key, 0, -1) if kind == "zset" else None
        found.append(f"{key} {value}")
    return found


@pytest.mark.parametrize("decoded", [False, True], ids=["bytes", "text"])
class TestRedis(StoreConformance):
    has_own_clock: ClassVar[bool] = True

    @pytest.fixture
    def store(self, redis_server: Server, decoded: bool) -> Iterator[RedisStore]:
        with redis.Redis(host=LOOPBACK, port=redis_server.port, decode_responses=decoded) as self.client:
            self.client.flushall()
            yield RedisStore(self.client)

    def dump(self, bench: StoreBench) -> list[str]:
        return dump(self.client)


class TestAsyncRedis(StoreConformance):
    has_own_clock: ClassVar[bool] = True

    @pytest.fixture
    def store(self, redis_server: Server, runner: asyncio.Runner) -> Iterator[AsyncRedisStore]:
        client = redis.asyncio.Redis(host=LOOPBACK, port=redis_server.port)
        with redis.Redis(host=LOOPBACK, port=redis_server.port) as self.client:
            self.client.flushall()
            yield AsyncRedisStore(client, prefix="myapp:")
            runner.run(client.aclose())

    def dump(self, bench: StoreBench) -> list[str]:
        return dump(self.client)


class TestRedisCluster(StoreConformance):
    has_own_clock: ClassVar[bool] = True

    @pytest.fixture
    def store(self, redis_cluster_server: Server) -> Iterator[RedisStore]:
        with redis.RedisCluster(host=LOOPBACK, port=redis_cluster_server.port) as self.client:
            self.client.flushall()
            yield RedisStore(self.client)

    def dump(self, bench: StoreBench) -> list[str]:
        return dump(self.client)


class TestAsyncRedisCluster(StoreConformance):
    has_own_clock: ClassVar[bool] = True

    @pytest.fixture
    def store(self, redis_cluster_server: Server, runner: asyncio.Runner) -> Iterator[AsyncRedisStore]:
        client = redis.asyncio.RedisCluster(host=LOOPBACK, port=redis_cluster_server.port)
        with redis.RedisCluster(host=LOOPBACK, port=redis_cluster_server.port) as self.client:
            self.client.flushall()
            yield AsyncRedisStore(client)
            runner.run(client.aclose())

    def dump(self, bench: StoreBench) -> list[str]:
        return dump(self.client)
