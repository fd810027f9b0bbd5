"""Sessions in Redis: one key a session, which Redis itself deletes in time.

>>> from redis import Redis
>>> store = RedisStore(Redis(host="127.0.0.1"))  # no I/O until the first call
>>> from redis.asyncio import Redis as AsyncRedis
>>> async_store = AsyncRedisStore(AsyncRedis(host="127.0.0.1"), prefix="myapp:")

Every change of a session is one Lua script on its one key, judged by the server's clock, so it works in a cluster too.
Let the server keep what it is told: `maxmemory-policy noeviction`, and `appendonly yes` if ended sessions are to stay
ended when it is restarted.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

try:
    import redis
except ImportError as error:
    raise ImportError("jwtguard.stores.redis needs redis: pip install 'jwtguard-middleware[redis]'") from error

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import Flow, OneLoop, run_async
from jwtguard.core.sessions.store_protocol import NewSession, RotationRequest, RotationResult, Session
from jwtguard.stores.redis_sessions import RedisSessions

if TYPE_CHECKING:
    import redis.asyncio

P = ParamSpec("P")
T = TypeVar("T")

PREFIX = "jwtguard:"


class RedisStore:
    """A session store in Redis or a Redis cluster; works in every thread, and with every event loop.

    `client` is a `redis.Redis` or `RedisCluster`; every key begins with `prefix`. Raises `ConfigurationError` if it is
    asynchronous. What the client raises goes through, after the time-outs and retries that it is set to.
    """

    def __init__(self, client: redis.Redis | redis.RedisCluster, *, prefix: str = PREFIX) -> None:
        if not _has_scripts(client) or _is_async(client):
            raise ConfigurationError(f"RedisStore takes a redis.Redis; for redis.asyncio, AsyncRedisStore: {client!r}")
        self._client = client
        self._sessions = RedisSessions(client, prefix)

    @property
    def client(self) -> redis.Redis | redis.RedisCluster:
        """The client that it was made with."""
        return self._client

    def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row; raises KeyError if its id is taken."""
        self._sessions.create(session).run()

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        """Rotate, or say what the row is like."""
        return self._sessions.rotate(rotation, grace, idle_lifetime).run()

    def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        return self._sessions.find(session_id).run()

    def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        """The sessions of these ids that there are, in one trip to each node."""
        return self._sessions.find_many(session_ids).run()

    def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        return self._sessions.list(issuer, subject).run()

    def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session."""
        return self._sessions.revoke(session_id).run()

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject."""
        return self._sessions.revoke_all(issuer, subject).run()

    def purge(self, *, now: float) -> int:
        """Do nothing: Redis deletes what has expired by itself."""
        return 0


class AsyncRedisStore:
    """A session store in Redis or a Redis cluster, for one event loop.

    `client` is a `redis.asyncio.Redis` or `RedisCluster`; every key begins with `prefix`. Raises `ConfigurationError`
    if it is synchronous, and from another loop than the first.
    """

    sync_alternative: ClassVar[str] = "RedisStore"

    def __init__(self, client: redis.asyncio.Redis | redis.asyncio.RedisCluster, *, prefix: str = PREFIX) -> None:
        if not _has_scripts(client) or not _is_async(client):
            raise ConfigurationError(
                f"AsyncRedisStore takes a redis.asyncio.Redis; for redis.Redis, RedisStore: {client!r}"
            )
        self._client = client
        self._sessions = RedisSessions(client, prefix)
        self._loop = OneLoop("AsyncRedisStore", sync_alternative=self.sync_alternative)

    @property
    def client(self) -> redis.asyncio.Redis | redis.asyncio.RedisCluster:
        """The client that it was made with."""
        return self._client

    async def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row; raises KeyError if its id is taken."""
        await self._do(self._sessions.create, session)

    async def rotate(
        self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float
    ) -> RotationResult:
        """Rotate, or say what the row is like."""
        return await self._do(self._sessions.rotate, rotation, grace, idle_lifetime)

    async def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        return await self._do(self._sessions.find, session_id)

    async def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        """The sessions of these ids that there are, in one trip to each node."""
        return await self._do(self._sessions.find_many, session_ids)

    async def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        return await self._do(self._sessions.list, issuer, subject)

    async def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session."""
        return await self._do(self._sessions.revoke, session_id)

    async def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject."""
        return await self._do(self._sessions.revoke_all, issuer, subject)

    async def purge(self, *, now: float) -> int:
        """Do nothing: Redis deletes what has expired by itself."""
        return 0

    async def _do(self, method: Callable[P, Flow[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        self._loop.check()
        return await run_async(method(*args, **kwargs), to_thread=_here)


async def _here(function: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - what any command answers
    """For the driver: a command of `redis.asyncio` is a plain function that only returns something to await."""
    return await function()


def _has_scripts(client: object) -> bool:
    return not isinstance(client, type) and callable(getattr(client, "evalsha", None))


def _is_async(client: object) -> bool:
    return inspect.iscoroutinefunction(getattr(client, "execute_command", None))
