"""Clients of the tests' Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jwtguard.stores.redis import RedisStore
from tests.servers import LOOPBACK


def impatient(port: int) -> redis.Redis:
    """A client that gives up soon, and tries once."""
    return redis.Redis(
        host=LOOPBACK, port=port, socket_timeout=0.3, socket_connect_timeout=0.3, retry=Retry(NoBackoff(), 0)
    )


@contextmanager
def opened(port: int) -> Iterator[RedisStore]:
    """A store for another process."""
    with redis.Redis(host=LOOPBACK, port=port, socket_timeout=30) as client:
        yield RedisStore(client)
