"""Health: what keys, introspection and stores are like, and what strangers are told of it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jwtguard import (
    Grants,
    Introspection,
    RemoteJWKSet,
    SessionRevocation,
    Sessions,
    SigningKey,
    SigningKeys,
    TrustedIssuer,
)
from jwtguard.health import health
from jwtguard.stores.memory import MemoryStore
from tests.key_sources.server import Server, answer, serving
from tests.samples import AUDIENCE, ISSUER, NOW, guard, issuer

KEYS = json.dumps({"keys": [SigningKey.generate("ES256", kid="a1").verification_key.to_jwk()]}).encode()
DOWN = answer(b"", status="500 Internal Server Error")


class Clock:
    """Set by hand."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


class BrokenStore(MemoryStore):
    """A store that is out of reach."""

    def find(self, session_id: str, *, now: float) -> Any:
        """Fail."""
        raise ConnectionError("password=hunter2")


def keys_of(server: Server, clock: Clock) -> RemoteJWKSet:
    """The keys that `server` publishes."""
    return RemoteJWKSet(f"{server.origin}/jwks", allow_http_loopback=True, clock=clock)


def sessions(store: MemoryStore) -> Sessions:
    """Sessions in that store."""
    refresh_keys = [SigningKey.generate("HS256", kid="r1")]
    return Sessions(issuer=issuer(), store=store, load=lambda subject: Grants(), refresh_keys=refresh_keys)


def test_keys_at_hand() -> None:
    """Keys in memory are always well, and a guard without sessions has no such part."""
    found = health(guard()).run()
    assert (found.status, found.http_status) == ("ok", 200)
    assert found.to_json() == {"status": "ok", "parts": {"keys": "ok"}}


def test_keys_that_are_fetched() -> None:
    """An outage of the provider is `degraded` while keys serve, and then `unavailable`."""
    clock = Clock()
    with serving() as server:
        server.behaviour = answer(KEYS)
        asked = guard(keys=keys_of(server, clock), clock=clock)
        assert asyncio.run(_awaited(asked)).status == "ok"
        assert server.count == 1
        clock.now += 3600  # Past their soft lifetime: looked for behind the scenes.
        server.behaviour = DOWN
        assert health(asked).run().status in {"ok", "degraded"}
        source = asked.trust.key_sources[0]
        assert isinstance(source, RemoteJWKSet)
        source._background_fetch.future.exception(10)  # type: ignore[union-attr]
        degraded = health(asked).run()
        clock.now += 86400
        unavailable = health(asked).run()
        again = health(asked).run()
    assert (degraded.status, degraded.http_status) == ("degraded", 200)
    assert (unavailable.status, unavailable.http_status) == ("unavailable", 503)
    assert again.status == "unavailable"
    (part,) = unavailable.to_json(details=True)["parts"]
    assert (part["name"], part["status"], part["age"]) == ("keys", "unavailable", 90000.0)
    assert "answered 500" in part["problem"]
    assert server.origin not in json.dumps(unavailable.to_json())


async def _awaited(asked: Any) -> Any:
    return await health(asked)


def test_several_issuers() -> None:
    """The keys of one issuer are missed by its own tokens alone: the rest is served."""
    clock = Clock()
    with serving() as up, serving() as down:
        up.behaviour, down.behaviour = answer(KEYS), DOWN
        trusted = [
            TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=keys_of(up, clock)),
            TrustedIssuer(issuer="https://two.example", audience=AUDIENCE, keys=keys_of(down, clock)),
        ]
        found = health(guard(issuer=None, audience=None, keys=None, issuers=trusted)).run()
    assert (found.status, [part.status for part in found.parts]) == ("degraded", ["ok", "unavailable"])
    assert found.to_json() == {"status": "degraded", "parts": {"keys": "unavailable"}}


def test_our_own_keys_on_disk(tmp_path: Path) -> None:
    """Files that cannot be read any more degrade: the keys at hand serve on."""
    clock = Clock()
    keys = SigningKeys(tmp_path / "keys.json", algorithm="ES256", clock=clock)
    assert health(guard(keys=keys)).run().status == "ok"
    (tmp_path / "keys.json").write_text("{")
    clock.now += 60
    assert health(guard(keys=keys)).run().status == "degraded"


class NoKeys:
    """A source of another author without a health report."""

    def current(self) -> None:
        """Nothing."""

    def refreshed(self, kid: str | None) -> Any:
        """Nothing either."""
        from jwtguard import UnavailableError
        from jwtguard.core.flow import Flow

        def steps() -> Any:
            raise UnavailableError("no_keys_today")
            yield

        return Flow(steps())


def test_a_key_source_of_another_author() -> None:
    """An exception of the source is reported by its reason."""
    found = health(guard(keys=NoKeys())).run()
    assert [(part.source, part.problem) for part in found.parts] == [("NoKeys", "no_keys_today")]


def test_introspection() -> None:
    """Introspection is `degraded` while its latest request failed."""
    with serving() as server:
        server.behaviour = DOWN
        asking = Introspection(
            f"{server.origin}/introspect",
            client_id="c",
            client_secret="not for strangers",
            allow_http_loopback=True,
            timeout=timedelta(seconds=1),
        )
        asked = guard(introspection=asking)
        before = health(asked).run()
        with pytest.raises(Exception, match="cannot check credentials"):
            asked.verify("opaque").run()
        after = health(asked).run()
    assert (before.status, after.status) == ("ok", "degraded")
    assert "not for strangers" not in json.dumps(after.to_json(details=True))


def test_stores() -> None:
    """A store that requests ask makes unavailable; one that only logins and refreshes need degrades."""
    broken = BrokenStore()
    revoking = guard(revocation=SessionRevocation(broken))
    assert health(guard(), sessions(MemoryStore())).run().to_json()["parts"] == {"keys": "ok", "sessions": "ok"}
    assert health(guard(), sessions(broken)).run().status == "degraded"
    assert health(revoking).run().status == "unavailable"
    both = health(revoking, sessions(broken)).run()
    assert (both.status, len(both.parts)) == ("unavailable", 2)
    assert "hunter2" not in json.dumps(both.to_json(details=True))
