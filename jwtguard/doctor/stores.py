"""Session stores: whether they answer, whether they are shared, and whether they keep what they are told.

>>> from jwtguard import Grants, Sessions, SigningKey, TokenIssuer
>>> from jwtguard.stores.memory import MemoryStore
>>> names = {"issuer": "https://issuer.example", "audience": "a", "client_id": "web"}
>>> sessions = Sessions(
...     issuer=TokenIssuer(**names, signing_keys=[SigningKey.generate("ES256", kid="a1")]),
...     store=MemoryStore(),
...     load=lambda subject: Grants(),
...     refresh_keys=[SigningKey.generate("HS256", kid="r1")],
... )
>>> [
...     (finding.severity, finding.code)
...     for finding in check_kind_of_store(DoctorContext(sessions=(sessions,), workers=4))
... ]
[('error', 'memory_store')]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, cast

from jwtguard.core.errors import JWTGuardError
from jwtguard.core.flow import Call, Flow, Steps
from jwtguard.core.sessions.store_protocol import SessionStore, call_store
from jwtguard.doctor.bounded_call import answer_of
from jwtguard.doctor.context import DoctorContext
from jwtguard.guard_checks import Finding
from jwtguard.stores.memory import MemoryStore

PROBE = "jwtguard-doctor"
"""An id that no session has."""


def check_kind_of_store(context: DoctorContext) -> Iterator[Finding]:
    """Sessions in the memory of one process."""
    if any(isinstance(_unwrapped(store), MemoryStore) for store in context.stores):
        several = context.workers is not None and context.workers > 1
        yield Finding(
            "error" if several else "warning",
            "memory_store",
            f"sessions are kept in memory{f', and there are {context.workers} workers' if several else ''}",
            why="They end with the process, and another worker knows nothing of them: users are logged out at random.",
            remedy='use SQLiteStore("sessions.db") on one machine, a database or Redis on several',
        )


def check_stores_answer(context: DoctorContext) -> Iterator[Finding]:
    """Look for a session that does not exist."""
    for store in context.stores if context.asks_network else ():
        try:
            answer_of(lambda store=store: Flow(call_store(store.find, PROBE, now=0.0)))  # type: ignore[misc]
        except (JWTGuardError, TimeoutError) as error:
            cause = error.reason if isinstance(error, JWTGuardError) else error
            yield Finding(
                "error",
                "store_unreachable",
                f"the {type(_unwrapped(store)).__name__} of the sessions does not answer ({cause})",
                why="Logins and refreshes are answered with 503, and with SessionRevocation every request is.",
                remedy="is the server up, are address and password right, was the table made? The log says what was"
                " raised.",
            )


def check_redis(context: DoctorContext) -> Iterator[Finding]:
    """Whether Redis may drop sessions, or forget which have ended."""
    redis = sys.modules.get("jwtguard.stores.redis")
    if redis is None or not context.asks_network:
        return
    found: list[Any] = [_unwrapped(store) for store in context.stores]
    for store in found:
        if isinstance(store, redis.RedisStore | redis.AsyncRedisStore):
            yield from _of_redis(store.client)


def _of_redis(client: Any) -> Iterator[Finding]:  # noqa: ANN401 - four classes of redis-py's
    try:
        settings = answer_of(lambda: Flow(_settings(client)))
    except Exception:  # noqa: BLE001 - whatever the driver raises: the store that does not answer is a finding of its own
        yield Finding(
            "note",
            "redis_settings_unknown",
            "Redis does not say how it is set up (CONFIG GET and INFO are refused, or it cannot be reached)",
            why="With an eviction policy it may drop sessions when its memory is full.",
            remedy="see that maxmemory-policy is noeviction there",
        )
        return
    policy, limit = settings["maxmemory_policy"], settings["maxmemory"]
    if policy != "noeviction":
        yield Finding(
            "error" if limit != "0" else "warning",
            "redis_evicts",
            f"Redis drops keys when its memory is full: maxmemory-policy is {policy}"
            + ("" if limit != "0" else ", though no maxmemory is set"),
            why="A dropped session logs its user out; a dropped revocation makes an ended session valid again.",
            remedy="CONFIG SET maxmemory-policy noeviction, or a Redis of its own for sessions",
        )
    if settings["aof_enabled"] == "0":
        yield Finding(
            "note",
            "redis_forgets",
            "Redis does not write down each change (appendonly is no)",
            why="After a crash it comes back as of its last snapshot: sessions that ended since are alive again.",
            remedy="appendonly yes, if ended sessions are to stay ended",
        )
    if _socket_timeout(client) is None:
        yield Finding(
            "warning",
            "redis_no_timeout",
            "the Redis client has no socket_timeout",
            why="If the Redis server hangs, every request that uses it waits forever instead of getting 503.",
            remedy="Redis(..., socket_timeout=2, socket_connect_timeout=2)",
        )


def _settings(client: Any) -> Steps[dict[str, str]]:  # noqa: ANN401 - see above
    """`INFO` says all of it, and managed servers allow it where they forbid `CONFIG GET`; in a cluster of each node."""
    found: Mapping[str, Any] = yield Call(client.info)
    nodes = [cast("Mapping[str, Any]", node) for node in found.values() if isinstance(node, Mapping)]
    nodes = [node for node in nodes if "maxmemory_policy" in node] or [found]
    # The worst of them.
    policies = [str(node["maxmemory_policy"]) for node in nodes]
    return {
        "maxmemory_policy": next((policy for policy in policies if policy != "noeviction"), "noeviction"),
        "maxmemory": "0" if all(node["maxmemory"] == 0 for node in nodes) else "1",
        "aof_enabled": "0" if any(not node.get("aof_enabled") for node in nodes) else "1",
    }


def _socket_timeout(client: Any) -> object:  # noqa: ANN401 - see above
    if hasattr(client, "connection_pool"):
        return client.connection_pool.connection_kwargs.get("socket_timeout")
    manager = getattr(client, "nodes_manager", None)
    return getattr(manager, "connection_kwargs", {}).get("socket_timeout")


def _unwrapped(store: SessionStore) -> SessionStore:
    """The store itself, where something stands in front of it."""
    return getattr(store, "__wrapped__", store)
